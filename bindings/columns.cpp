#include "columns.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "platewatch/base/prefetch.hpp"
#include "text.hpp"

// The Arrow C data interface, https://arrow.apache.org/docs/format/CDataInterface.html: a stable ABI that is
// meant to be declared where it is used.
extern "C" {
struct ArrowSchema {
    const char *format, *name, *metadata;
    std::int64_t flags, n_children;
    ArrowSchema **children, *dictionary;
    void (*release)(ArrowSchema*);
    void* private_data;
};
struct ArrowArray {
    std::int64_t length, null_count, offset, n_buffers, n_children;
    const void** buffers;
    ArrowArray **children, *dictionary;
    void (*release)(ArrowArray*);
    void* private_data;
};
struct ArrowArrayStream {
    int (*get_schema)(ArrowArrayStream*, ArrowSchema*);
    int (*get_next)(ArrowArrayStream*, ArrowArray*);
    const char* (*get_last_error)(ArrowArrayStream*);
    void (*release)(ArrowArrayStream*);
    void* private_data;
};
}

namespace platewatch {
namespace {

// Asks for a later object of an array, as they lie anywhere: its header, and the characters behind it.
void prefetch_object(std::span<PyObject* const> objects, std::size_t place) noexcept {
    constexpr std::size_t kAhead = 24;
    if (place + kAhead >= objects.size()) return;
    const auto* object = reinterpret_cast<const std::byte*>(objects[place + kAhead]);
    prefetch(object);
    prefetch(object + sizeof(PyCompactUnicodeObject));
}

// A text of a few units, copied, or a reference to the object that is there instead.
class Item {
  public:
    static constexpr std::size_t kMostBytes = 30;

    explicit Item(PyObject* object) noexcept {
        const TextView text = text_view(object);
        const std::size_t bytes = text.size * units(text.unit);
        if (text.unit == TextView::Unit::none || bytes > kMostBytes) {
            object = Py_NewRef(object);
            std::memcpy(bytes_, &object, sizeof object);
            return;
        }
        copy(static_cast<const std::byte*>(text.data), bytes);
        size_ = static_cast<std::uint8_t>(text.size);
        unit_ = text.unit;
    }

    // Null for a text that was copied.
    [[nodiscard]] PyObject* object() const noexcept {
        if (unit_ != TextView::Unit::none) return nullptr;
        PyObject* object = nullptr;
        std::memcpy(&object, bytes_, sizeof object);
        return object;
    }
    [[nodiscard]] TextView text() const noexcept {
        if (PyObject* held = object(); held != nullptr) return text_view(held);
        return {bytes_, size_, unit_};
    }

  private:
    [[nodiscard]] static std::size_t units(TextView::Unit unit) noexcept {
        return unit == TextView::Unit::ucs2 ? 2 : unit == TextView::Unit::utf32 ? 4 : 1;
    }
    // With two moves that overlap, as a call of memcpy takes longer.
    void copy(const std::byte* from, std::size_t bytes) noexcept {
        const auto both = [&]<std::size_t kSize>(std::integral_constant<std::size_t, kSize>) {
            std::memcpy(bytes_, from, kSize);
            std::memcpy(bytes_ + bytes - kSize, from + bytes - kSize, kSize);
        };
        // So that texts of seven symbols and those of eight go one way, as no processor foresees which comes
        // next.
        if (bytes > 16) return both(std::integral_constant<std::size_t, 16>{});
        if (bytes > 8) return both(std::integral_constant<std::size_t, 8>{});
        if (bytes > 4) return both(std::integral_constant<std::size_t, 4>{});
        std::memcpy(bytes_, from, bytes);
    }

    alignas(8) std::byte bytes_[kMostBytes];
    std::uint8_t size_ = 0;
    TextView::Unit unit_ = TextView::Unit::none;
};

// The items of any iterable; those that were taken are so held that nobody can change them while they are
// matched without the GIL.
class SequenceColumn final : public ReadColumn {
  public:
    explicit SequenceColumn(const py::object& reads) : sequence_(reads) {
#ifndef Py_GIL_DISABLED  // where another thread may change the list meanwhile
        if (PyList_CheckExact(reads.ptr())) return;
#endif
        sequence_ = py::reinterpret_steal<py::object>(PySequence_Tuple(reads.ptr()));
        if (!sequence_) throw py::error_already_set();
    }
    ~SequenceColumn() override {
        for (const Item& item : items_) Py_XDECREF(item.object());
    }
    SequenceColumn(const SequenceColumn&) = delete;
    SequenceColumn& operator=(const SequenceColumn&) = delete;

    [[nodiscard]] TextSource source() override {
        objects_ = {PySequence_Fast_ITEMS(sequence_.ptr()),
                    static_cast<std::size_t>(PySequence_Fast_GET_SIZE(sequence_.ptr()))};
        items_.reserve(objects_.size());
        const auto fill = [](const void* context, std::size_t first, std::span<TextView> texts) {
            const auto* items = static_cast<const Item*>(context);
            for (std::size_t i = 0; i < texts.size(); ++i) texts[i] = items[first + i].text();
        };
        return {fill, items_.data(), objects_.size()};
    }
    // Nothing in here calls back into Python.
    void take_rows(std::size_t end) override {
        const std::span<PyObject* const> objects = objects_;
        for (std::size_t i = items_.size(); i < end; ++i) {
            prefetch_object(objects, i);
            items_.emplace_back(objects[i]);
        }
    }
    [[nodiscard]] PyObject* object(std::size_t row) const noexcept override { return items_[row].object(); }

  private:
    py::object sequence_;  // a list or a tuple
    std::span<PyObject* const> objects_;
    std::vector<Item> items_;  // stays where it is
};

class NumpyColumn final : public ReadColumn {
  public:
    // `mask`: true where a row has no value; null: all have one.
    NumpyColumn(py::array reads, py::array_t<bool, py::array::c_style> mask)
        : reads_(std::move(reads)),
          mask_(std::move(mask)),
          data_(static_cast<const std::byte*>(reads_.data())),
          stride_(reads_.strides(0)),
          width_(static_cast<std::size_t>(reads_.itemsize()) / 4),
          masked_(mask_.size() > 0 ? mask_.data() : nullptr) {}

    [[nodiscard]] TextSource source() override {
        const auto fill = [](const void* context, std::size_t first, std::span<TextView> texts) {
            const auto& self = *static_cast<const NumpyColumn*>(context);
            for (std::size_t i = 0; i < texts.size(); ++i) {
                const auto row = static_cast<py::ssize_t>(first + i);
                if (self.masked_ != nullptr && self.masked_[row]) {
                    texts[i] = {};
                    continue;
                }
                const auto* text = reinterpret_cast<const char32_t*>(self.data_ + row * self.stride_);
                std::size_t size = self.width_;
                while (size > 0 && text[size - 1] == 0) --size;  // numpy's padding
                texts[i] = {text, size, TextView::Unit::utf32};
            }
        };
        return {fill, this, static_cast<std::size_t>(reads_.shape(0))};
    }
    [[nodiscard]] PyObject* object(std::size_t) const noexcept override { return nullptr; }

  private:
    py::array reads_;
    py::array_t<bool, py::array::c_style> mask_;
    const std::byte* data_;
    py::ssize_t stride_;
    std::size_t width_;
    const bool* masked_;
};

template <class T>
struct Released {  // an Arrow structure that this owns
    T value{};

    Released() = default;
    Released(const Released&) = delete;
    Released& operator=(const Released&) = delete;
    ~Released() {
        if (value.release != nullptr) value.release(&value);
    }
};

// Moves what a capsule holds to `out`, as the interface prescribes: the capsule keeps an empty shell.
template <class T>
void take(const py::object& capsule, const char* name, T& out) {
    auto* held = static_cast<T*>(PyCapsule_GetPointer(capsule.ptr(), name));
    if (held == nullptr) throw py::error_already_set();
    out = *held;
    held->release = nullptr;
}

class ArrowColumn final : public ReadColumn {
  public:
    // From an object with __arrow_c_array__.
    void add_array(const py::object& reads) {
        const py::tuple capsules = reads.attr("__arrow_c_array__")();
        Released<ArrowSchema> schema;
        auto array = std::make_unique<Released<ArrowArray>>();
        take(capsules[0], "arrow_schema", schema.value);
        take(capsules[1], "arrow_array", array->value);
        add_chunk(schema.value, std::move(array));
    }

    // From an object with __arrow_c_stream__: a chunked array.
    void add_stream(const py::object& reads) {
        Released<ArrowArrayStream> stream;
        take(reads.attr("__arrow_c_stream__")(), "arrow_array_stream", stream.value);
        const auto check = [&](int error) {
            if (error == 0) return;
            const char* why = stream.value.get_last_error(&stream.value);
            throw std::runtime_error(std::string("the Arrow stream failed: ") +
                                     (why == nullptr ? "no reason" : why));
        };
        Released<ArrowSchema> schema;
        check(stream.value.get_schema(&stream.value, &schema.value));
        for (;;) {
            auto array = std::make_unique<Released<ArrowArray>>();
            check(stream.value.get_next(&stream.value, &array->value));
            if (array->value.release == nullptr) return;
            add_chunk(schema.value, std::move(array));
        }
    }

    [[nodiscard]] TextSource source() override {
        const auto fill = [](const void* context, std::size_t first, std::span<TextView> texts) {
            const auto& chunks = static_cast<const ArrowColumn*>(context)->chunks_;
            auto chunk = std::ranges::upper_bound(chunks, first, {}, &Chunk::end);
            for (std::size_t i = 0; i < texts.size();) {
                const std::size_t begin = chunk->end - static_cast<std::size_t>(chunk->array().length);
                const std::size_t count = std::min(chunk->end - (first + i), texts.size() - i);
                chunk->texts(*chunk, first + i - begin, texts.subspan(i, count));
                i += count;
                ++chunk;
            }
        };
        return {fill, this, chunks_.empty() ? 0 : chunks_.back().end};
    }
    [[nodiscard]] PyObject* object(std::size_t) const noexcept override { return nullptr; }

  private:
    struct Chunk {
        std::unique_ptr<Released<ArrowArray>> held;
        void (*texts)(const Chunk& chunk, std::size_t first, std::span<TextView> out);
        std::size_t end;  // the first row behind it

        [[nodiscard]] const ArrowArray& array() const noexcept { return held->value; }
    };

    void add_chunk(const ArrowSchema& schema, std::unique_ptr<Released<ArrowArray>> array) {
        const std::string_view format = schema.format;
        if (schema.dictionary != nullptr || (format != "u" && format != "U" && format != "vu")) {
            throw py::type_error(
                "an Arrow array of reads must have the type string, large_string or string_view");
        }
        const std::size_t end =
            (chunks_.empty() ? 0 : chunks_.back().end) + static_cast<std::size_t>(array->value.length);
        const auto texts = format == "u"   ? &texts_of<by_offsets<std::int32_t>>
                           : format == "U" ? &texts_of<by_offsets<std::int64_t>>
                                           : &texts_of<by_view>;
        chunks_.push_back({std::move(array), texts, end});
    }

    template <TextView (*TextOf)(const ArrowArray&, std::int64_t)>
    static void texts_of(const Chunk& chunk, std::size_t first, std::span<TextView> out) {
        const ArrowArray& array = chunk.array();
        const auto* valid = static_cast<const std::uint8_t*>(array.buffers[0]);
        for (std::size_t i = 0; i < out.size(); ++i) {
            const std::int64_t row = array.offset + static_cast<std::int64_t>(first + i);
            const bool is_null = valid != nullptr && (valid[row / 8] >> (row % 8) & 1) == 0;
            out[i] = is_null ? TextView{} : TextOf(array, row);
        }
    }

    template <class Offset>
    static TextView by_offsets(const ArrowArray& array, std::int64_t row) {
        const auto* ends = static_cast<const Offset*>(array.buffers[1]);
        return {static_cast<const char*>(array.buffers[2]) + ends[row],
                static_cast<std::size_t>(ends[row + 1] - ends[row]), TextView::Unit::utf8};
    }

    // Up to 12 bytes lie in the view itself, longer texts in one of the variadic buffers.
    static TextView by_view(const ArrowArray& array, std::int64_t row) {
        const auto* view = static_cast<const char*>(array.buffers[1]) + 16 * row;
        std::array<std::int32_t, 4> fields;
        std::memcpy(fields.data(), view, sizeof fields);
        const auto size = static_cast<std::size_t>(fields[0]);
        if (size <= 12) return {view + 4, size, TextView::Unit::utf8};
        return {static_cast<const char*>(array.buffers[2 + fields[2]]) + fields[3], size,
                TextView::Unit::utf8};
    }

    std::vector<Chunk> chunks_;
};

}  // namespace

std::unique_ptr<ReadColumn> make_read_column(const py::object& reads) {
    if (PyUnicode_Check(reads.ptr()) || PyBytes_Check(reads.ptr())) {
        throw py::type_error("reads must be a sequence of reads, not one text");
    }
    if (py::isinstance<py::array>(reads)) {
        auto array = py::reinterpret_borrow<py::array>(reads);
        if (array.ndim() != 1) throw py::type_error("an array of reads must have one dimension");
        py::array_t<bool, py::array::c_style> mask;
        const py::object ma = py::module_::import("numpy").attr("ma");
        if (const bool is_masked = py::isinstance(array, ma.attr("MaskedArray")); is_masked) {
            mask = ma.attr("getmaskarray")(array);
            // Where there are objects, None has no text, and is refused as such.
            array = array.dtype().kind() == 'O' ? py::array(array.attr("filled")(py::none()))
                                                : py::array(ma.attr("getdata")(array));
        }
        if (array.dtype().kind() == 'U') {
            const bool aligned = (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
            if (array.dtype().byteorder() == '>' || !aligned)
                array = array.attr("astype")(array.dtype().attr("newbyteorder")("="));
            return std::make_unique<NumpyColumn>(std::move(array), std::move(mask));
        }
        if (array.dtype().kind() != 'O')
            throw py::type_error("an array of reads must have dtype U or object");
    } else if (py::hasattr(reads, "__arrow_c_stream__") || py::hasattr(reads, "__arrow_c_array__")) {
        auto column = std::make_unique<ArrowColumn>();
        if (py::hasattr(reads, "__arrow_c_array__")) {
            column->add_array(reads);
        } else {
            column->add_stream(reads);
        }
        return column;
    }
    return std::make_unique<SequenceColumn>(reads);
}

}  // namespace platewatch
