// Which texts may be of one plate.
#include <string>

#include "platewatch/text/alike.hpp"
#include "register.hpp"
#include "text.hpp"

namespace platewatch {
namespace {

std::u32string short_enough(py::handle text) {
    std::u32string symbols = to_u32(text);
    if (symbols.size() > kMaxSymbols) throw py::value_error("a text is longer than a canonical one");
    return symbols;
}

py::typing::List<py::int_> alike(const py::typing::Union<py::str>& text,
                                 const py::typing::List<py::str>& texts, bool fragments) {
    const std::u32string own = short_enough(text);
    const bool fits_any = fragments && is_fragment(own);
    py::list places;
    for (std::size_t place = 0; place < texts.size(); ++place) {
        const std::u32string other = short_enough(texts[place]);
        if (fits_any || (fragments && is_fragment(other)) || are_alike(own, other)) places.append(place);
    }
    return places;
}

}  // namespace

void register_alike(py::module_& m) {
    m.def("alike", &alike, py::arg("text"), py::arg("texts"), py::kw_only(), py::arg("fragments") = false,
          "The places of the canonical texts that may be of the same plate as `text`: equal, or within 3 "
          "edits with 5 "
          "symbols in common. `fragments`: also where either has fewer than 5 symbols that are known. Raises "
          "ValueError for a text of over 16 symbols.");
}

}  // namespace platewatch
