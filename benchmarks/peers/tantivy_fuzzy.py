"""tantivy: a search engine's term dictionary under a Levenshtein automaton."""

from __future__ import annotations

from collections.abc import Sequence

from peers import Peer, Search


class TantivyFuzzy:
    name = "tantivy fuzzy query"
    most_edits = 2

    def __call__(self, plates: Sequence[str], _: int, /) -> Search:
        import tantivy

        builder = tantivy.SchemaBuilder()
        builder.add_text_field("plate", stored=True, tokenizer_name="raw")
        schema = builder.build()
        index = tantivy.Index(schema)
        writer = index.writer(200_000_000)
        for plate in plates:
            writer.add_document(tantivy.Document(plate=plate))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        searcher = index.searcher()

        def one(read: str, k: int) -> set[str]:
            if k == 0:
                query = tantivy.Query.term_query(schema, "plate", read)
            else:
                query = tantivy.Query.fuzzy_term_query(
                    schema, "plate", read, distance=k, transposition_cost_one=False, prefix=False
                )
            hits = searcher.search(query, limit=1000).hits
            return {searcher.doc(address)["plate"][0] for _, address in hits}

        return lambda reads, k: [one(read, k) for read in reads]


def make() -> Peer:
    import tantivy  # noqa: F401

    return TantivyFuzzy()
