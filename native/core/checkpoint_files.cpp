// Sharding: which tensor goes into which file, the files, and the index last; see tensor_source.h.
#include <sys/statvfs.h>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <system_error>
#include "native/core/atomic_file.h"
#include "native/core/device.h"
#include "native/core/safetensors_json.h"
#include "native/core/tensor_source.h"

namespace mira {
namespace {

const std::map<std::string, std::string> kMetadata{{"format", "pt"}};  // what transformers asks for

// A disk that fills up in the middle costs minutes of writing: say so before. The writes stay guarded, because
// others use the disk too.
void require_room(const std::string& folder, uint64_t bytes) {
  struct statvfs status;
  if (::statvfs(folder.c_str(), &status) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot write into " + folder);
  const uint64_t free = static_cast<uint64_t>(status.f_bavail) * status.f_frsize;
  if (bytes <= free) return;
  throw std::system_error(ENOSPC, std::generic_category(),
                          "cannot write into " + folder + ": " + std::to_string(bytes) + " bytes (" + gigabytes(bytes) + ") are needed, " +
                              std::to_string(free) + " (" + gigabytes(free) + ") are free");
}

std::string shard_name(size_t number, size_t count) {
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", number, count);
  return name;
}

}  // namespace

void write_checkpoint_files(const std::string& folder, const std::vector<TensorSource>& sources, uint64_t max_shard_bytes,
                            const std::atomic<bool>* cancelled) {
  if (max_shard_bytes == 0) throw std::invalid_argument("maxShardBytes: expected a positive number of bytes, got 0.");
  uint64_t total = 0;
  std::vector<std::vector<TensorSource>> shards;
  uint64_t held = 0;
  for (const TensorSource& source : sources) {
    if (shards.empty() || (held > 0 && held + source.bytes > max_shard_bytes)) {
      shards.emplace_back();
      held = 0;
    }
    shards.back().push_back(source);
    held += source.bytes;
    total += source.bytes;
  }
  require_room(folder, total);
  if (shards.size() <= 1) {
    write_sources(folder + "/model.safetensors", sources, kMetadata, cancelled);
    return;
  }
  std::map<std::string, std::string> placed;
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i + 1, shards.size());
    write_sources(folder + "/" + name, shards[i], kMetadata, cancelled);
    for (const TensorSource& source : shards[i])
      if (!placed.emplace(source.name, name).second)
        throw std::invalid_argument("cannot write into " + folder + ": two tensors are called '" + source.name + "'");
  }
  std::string json = "{\n  \"metadata\": {\n    \"total_size\": " + std::to_string(total) + "\n  },\n  \"weight_map\": {";
  const char* comma = "\n    ";
  for (const auto& [name, file] : placed) {
    json += comma;
    append_json_string(json, name);
    json += ": ";
    append_json_string(json, file);
    comma = ",\n    ";
  }
  json += "\n  }\n}\n";
  AtomicFile index(folder + "/model.safetensors.index.json");
  index.write(json.data(), json.size(), cancelled);
  index.commit();
}

}  // namespace mira
