// Writing a safetensors file so that a crash at any moment leaves the old file or the new one, never half.
#include <algorithm>
#include <set>
#include <stdexcept>
#include "native/core/atomic_file.h"
#include "native/core/cancelled.h"
#include "native/core/safetensors_json.h"
#include "native/core/tensor_source.h"

namespace mira {
namespace {

std::string make_header(const std::vector<const TensorSource*>& sources,
                        const std::map<std::string, std::string>& metadata) {
  std::string json = "{";
  if (!metadata.empty()) {
    json += "\"__metadata__\":{";
    const char* comma = "";
    for (const auto& [key, value] : metadata) {
      json += comma;
      append_json_string(json, key);
      json += ':';
      append_json_string(json, value);
      comma = ",";
    }
    json += '}';
  }
  uint64_t offset = 0;
  for (const TensorSource* source : sources) {
    if (json.size() > 1) json += ',';
    append_json_string(json, source->name);
    json += ":{\"dtype\":\"" + source->dtype + "\",\"shape\":[";
    for (size_t i = 0; i < source->shape.size(); ++i) json += (i > 0 ? "," : "") + std::to_string(source->shape[i]);
    json += "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(offset + source->bytes) + "]}";
    offset += source->bytes;
  }
  json += '}';
  json.resize((json.size() + 7) / 8 * 8, ' ');  // data starts aligned
  return json;
}

void check_sources(const std::string& path, const std::vector<TensorSource>& sources,
                   const std::map<std::string, std::string>& metadata) {
  auto invalid = [&](const std::string& what) {
    throw std::invalid_argument("cannot write " + path + ": " + what);
  };
  std::set<std::string_view> names;
  for (const auto& [name, dtype, shape, bytes, item_bits, emit] : sources) {
    if (name.empty() || name.size() > kSafetensorsMaxName || name == "__metadata__" || !is_utf8(name) ||
        name.find('\0') != std::string::npos) {
      invalid("'" + name + "' is not a name a safetensors file can hold");
    }
    if (!names.insert(name).second) invalid("two tensors are called '" + name + "'");
    if (shape.size() > kSafetensorsMaxRank) invalid("'" + name + "' has more than 8 dimensions");
  }
  for (const auto& [key, value] : metadata) {
    if (!is_utf8(key) || !is_utf8(value)) invalid("the metadata is not UTF-8");
  }
}

}  // namespace

void write_sources(const std::string& path, const std::vector<TensorSource>& sources,
                   const std::map<std::string, std::string>& metadata, const std::atomic<bool>* cancelled) {
  check_sources(path, sources, metadata);
  std::vector<const TensorSource*> order;
  for (const TensorSource& source : sources) order.push_back(&source);
  std::stable_sort(order.begin(), order.end(),
                   [](const TensorSource* a, const TensorSource* b) { return a->item_bits > b->item_bits; });
  const std::string json = make_header(order, metadata);
  if (json.size() > kSafetensorsMaxHeader)
    throw std::invalid_argument("cannot write " + path + ": the header would exceed 100 MB");

  AtomicFile file(path);
  char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(json.size() >> (8 * i) & 0xff);
  file.write(length, sizeof length, cancelled);
  file.write(json.data(), json.size(), cancelled);
  for (const TensorSource* source : order) {
    poll(cancelled);
    uint64_t written = 0;
    source->emit([&](const void* data, size_t bytes) {
      written += bytes;
      file.write(data, bytes, cancelled);
    });
    if (written != source->bytes)
      throw std::logic_error("cannot write " + path + ": '" + source->name + "' gave " + std::to_string(written) + " of " +
                             std::to_string(source->bytes) + " bytes");
  }
  file.commit();
}

void write_safetensors(const std::string& path, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata, const std::atomic<bool>* cancelled) {
  std::vector<TensorSource> sources;
  for (const auto& [name, tensor] : tensors) sources.push_back(tensor_source(name, tensor));
  write_sources(path, sources, metadata, cancelled);
}

}  // namespace mira
