// The header of a safetensors file: a parser for exactly the JSON the format allows, and the arithmetic that
// accounts for every byte. A general JSON library would keep one of two equal keys and round past 2^53.
#include <algorithm>
#include <cstring>
#include <set>
#include <stdexcept>
#include "native/core/safetensors.h"
#include "native/core/safetensors_json.h"

namespace mira {
namespace {

struct DTypeRow {
  std::string_view name;
  uint64_t bits;
  std::optional<at::ScalarType> type;
};

constexpr DTypeRow kDTypes[] = {
    {"F32", 32, at::kFloat}, {"BF16", 16, at::kBFloat16},
    {"F16", 16, at::kHalf},  {"F64", 64, at::kDouble},
    {"I64", 64, at::kLong},  {"I32", 32, at::kInt},
    {"I16", 16, at::kShort}, {"I8", 8, at::kChar},
    {"U8", 8, at::kByte},    {"BOOL", 8, at::kBool},
    {"U16", 16, at::kUInt16},         {"U32", 32, {}},
    {"U64", 64, {}},         {"C64", 64, {}},
    {"F8_E4M3", 8, {}},      {"F8_E5M2", 8, {}},
    {"F8_E8M0", 8, {}},      {"F8_E4M3FNUZ", 8, {}},
    {"F8_E5M2FNUZ", 8, {}},  {"F6_E2M3", 6, {}},
    {"F6_E3M2", 6, {}},      {"F4", 4, {}},
};

const DTypeRow* find_dtype(std::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

class HeaderParser {
 public:
  HeaderParser(std::string_view json, const std::string& where) : json_(json, where), where_(where) {}

  SafetensorsHeader parse() {
    SafetensorsHeader header;
    std::set<std::string> names;
    if (!json_.starts_with('{')) json_.fail("the header must start with '{'");
    json_.object([&](const std::string& name) {
      if (!names.insert(name).second) json_.fail("'" + name + "' appears twice");
      if (std::string_view(name) == "__metadata__") {
        read_metadata(header);
        return;
      }
      check_name(name);
      if (header.entries.size() >= kSafetensorsMaxTensors) json_.fail("more than a million tensors");
      header.entries.push_back(read_entry(name));
    });
    json_.end();
    return header;
  }

 private:
  void read_metadata(SafetensorsHeader& header) {
    json_.object([&](const std::string& key) {
      std::string value = json_.string();
      if (!header.metadata.emplace(key, std::move(value)).second)
        json_.fail("__metadata__ key '" + key + "' appears twice");
    });
  }

  void check_name(const std::string& name) {
    if (name.empty()) json_.fail("a tensor has an empty name");
    if (std::memchr(name.data(), 0, name.size()) != nullptr) json_.fail("a tensor name contains a NUL character");
    if (name.size() > kSafetensorsMaxName) json_.fail("a tensor name is longer than 512 bytes");
  }

  SafetensorsEntry read_entry(const std::string& name) {
    SafetensorsEntry entry;
    entry.name = name;
    std::vector<uint64_t> shape, offsets;
    bool has_dtype = false, has_shape = false, has_offsets = false;
    auto once = [&](bool& seen, const char* field) {
      if (seen) fail(entry, std::string(field) + " appears twice");
      seen = true;
    };
    json_.object([&](const std::string& field) {
      if (field == "dtype") {
        once(has_dtype, "dtype");
        entry.dtype = json_.string();
      } else if (field == "shape") {
        once(has_shape, "shape");
        shape = json_.integers(kSafetensorsMaxRank);
      } else if (field == "data_offsets") {
        once(has_offsets, "data_offsets");
        offsets = json_.integers(2);
      } else {
        fail(entry, "unknown field '" + field + "'");
      }
    });
    if (!has_dtype || !has_shape || !has_offsets)
      fail(entry, "dtype, shape and data_offsets are all required");
    if (offsets.size() != 2) fail(entry, "data_offsets must be [begin, end]");
    entry.begin = offsets[0];
    entry.end = offsets[1];
    check_size(entry, shape);
    return entry;
  }

  // Extents are capped with empty dimensions counted as one, so that strides cannot overflow either.
  void check_size(SafetensorsEntry& entry, const std::vector<uint64_t>& shape) {
    const DTypeRow* dtype = find_dtype(entry.dtype);
    if (dtype == nullptr) fail(entry, "unknown dtype '" + entry.dtype + "'");
    uint64_t extent = 1;
    bool empty = false;
    for (uint64_t size : shape) {
      empty = empty || size == 0;
      if (__builtin_mul_overflow(extent, std::max<uint64_t>(size, 1), &extent) || extent > uint64_t{1}
                                                                                               << 53) {
        fail(entry, "the shape has more than 2^53 elements");
      }
      entry.shape.push_back(static_cast<int64_t>(size));
    }
    uint64_t bits = 0;
    if (__builtin_mul_overflow(empty ? 0 : extent, dtype->bits, &bits)) fail(entry, "the size overflows");
    if (bits % 8 != 0) fail(entry, "the elements do not fill whole bytes");
    if (entry.begin > entry.end) fail(entry, "data_offsets run backwards");
    if (entry.end - entry.begin != bits / 8) {
      fail(entry, "data_offsets span " + std::to_string(entry.end - entry.begin) +
                      " bytes but dtype and shape need " + std::to_string(bits / 8));
    }
  }

  [[noreturn]] void fail(const SafetensorsEntry& entry, const std::string& what) {
    json_.fail("tensor '" + entry.name + "': " + what);
  }

  StrictJson json_;
  const std::string& where_;
};

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw std::invalid_argument(where + ": not a valid safetensors file: " + what);
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t file_bytes,
                                           const std::string& where) {
  SafetensorsHeader header = HeaderParser(json, where).parse();
  header.data_start = 8 + json.size();
  std::stable_sort(header.entries.begin(), header.entries.end(), [](const auto& a, const auto& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  uint64_t covered = 0, data_bytes = file_bytes - header.data_start;
  for (const SafetensorsEntry& entry : header.entries) {
    if (entry.begin < covered) fail(where, "tensor '" + entry.name + "' overlaps the one before it");
    if (entry.begin > covered) fail(where, "no tensor owns the bytes before '" + entry.name + "'");
    covered = entry.end;
  }
  if (covered != data_bytes) {
    fail(where, "the tensors need " + std::to_string(covered) + " bytes of data but the file has " +
                    std::to_string(data_bytes) + (covered > data_bytes ? "; it is probably truncated" : ""));
  }
  return header;
}

std::optional<at::ScalarType> safetensors_dtype(std::string_view dtype) {
  const DTypeRow* row = find_dtype(dtype);
  return row ? row->type : std::nullopt;
}

int64_t safetensors_dtype_bits(std::string_view dtype) {
  const DTypeRow* row = find_dtype(dtype);
  return row ? static_cast<int64_t>(row->bits) : 0;
}

std::string safetensors_dtype_name(at::ScalarType type) {
  for (const DTypeRow& row : kDTypes) {
    if (row.type == type) return std::string(row.name);
  }
  throw std::invalid_argument(std::string("safetensors: a tensor of dtype ") + c10::toString(type) +
                              " cannot be stored; convert it first");
}

}  // namespace mira
