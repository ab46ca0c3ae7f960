"""tantivy: a search engine's term dictionary under a Levenshtein automaton."""

from __future__ import annotations

from collections.abc import Sequence

from . import InMemory, version_of

FEW = 1000  # hits: room for as many is made whether there are any or not


class TantivyFuzzy:
    name = "tantivy fuzzy query"
    settings = "one query a read, raw tokens, transposition_cost_one=False, one segment in memory"
    least_edits, most_edits = 0, 2
    distance = "Levenshtein"
    largest = 1_000_000
    reads_a_second = 8_000.0

    def version(self) -> str:
        return version_of("tantivy")

    def build(self, plates: Sequence[str], _: int, /) -> InMemory:
        self.version()
        import tantivy

        builder = tantivy.SchemaBuilder()
        builder.add_text_field("plate", stored=True, tokenizer_name="raw")
        schema = builder.build()
        index = tantivy.Index(schema)
        writer = index.writer(200_000_000, num_threads=1)
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
            limit = FEW
            while len(hits := searcher.search(query, limit=limit).hits) == limit:
                limit *= 10
            return {searcher.doc(address)["plate"][0] for _, address in hits}

        return InMemory(lambda reads, k: [one(read, k) for read in reads])
