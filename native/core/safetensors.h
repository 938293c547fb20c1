// safetensors files, read strictly and written atomically.
// Promise: a header is believed only when every byte of the file is accounted for: exact coverage in order,
// no overlap, no hole, no duplicate name, checked 64-bit arithmetic. Tensor data need not be aligned.
// Leaves out: sharded checkpoints' index.json (lib/native/checkpoint reads it) and names as paths (never).
#pragma once
#include <ATen/ATen.h>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mira {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // as written in the file: "F32", "BF16", ...
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // bytes relative to the start of the data section
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // ascending by begin
  std::map<std::string, std::string> metadata;
  uint64_t data_start = 0;  // file offset of the data section: 8 + header length
};

// Caps of our own, on top of the format's rules.
inline constexpr uint64_t kSafetensorsMaxHeader = 100'000'000;
inline constexpr size_t kSafetensorsMaxTensors = 1'000'000, kSafetensorsMaxName = 512,
                        kSafetensorsMaxRank = 8;

// Parses the header's JSON and checks it against the size of the whole file. Throws std::invalid_argument
// with a sentence that names `where` (a path) and the offending tensor or field.
SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t file_bytes,
                                           const std::string& where);

// The dtype of an entry; std::nullopt for the ones ATen has no use for here (F4, F8_E8M0, ...), which may
// stand in a file but cannot be read.
std::optional<at::ScalarType> safetensors_dtype(std::string_view dtype);
std::string safetensors_dtype_name(at::ScalarType);
int64_t safetensors_dtype_bits(std::string_view dtype);  // of one element; 0 for an unknown name

// An open file. Reads are positional, so one object may serve several threads.
class SafetensorsFile {
 public:
  // Throws std::invalid_argument (malformed) or std::system_error (cannot open or read).
  static std::shared_ptr<SafetensorsFile> open(const std::string& path);
  ~SafetensorsFile();
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  const std::string& path() const { return path_; }
  const SafetensorsHeader& header() const { return header_; }
  // nullptr when the file has no such tensor.
  const SafetensorsEntry* find(std::string_view name) const;

  // A fresh CPU tensor, in the file's dtype or converted to `dtype` (floating to floating only).
  at::Tensor read(std::string_view name, std::optional<at::ScalarType> dtype = std::nullopt) const;
  // Reads into `target` (any strides; on another device through a copy on the CPU) converting to its dtype;
  // throws when shapes differ. For adapters and state; whole models go through weight_stream.h.
  void read_into(std::string_view name, at::Tensor target) const;
  // Bytes [offset, offset + bytes) of an entry's data.
  void read_bytes(const SafetensorsEntry&, uint64_t offset, void* into, uint64_t bytes) const;
  // Throws std::invalid_argument when the file's size or time of change differs from what they were at opening:
  // what was read meanwhile may be of two versions.
  void check_unchanged() const;

 private:
  SafetensorsFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  const SafetensorsEntry& must_find(std::string_view name) const;
  void pread_exactly(void* into, uint64_t offset, uint64_t bytes) const;

  std::string path_;
  int fd_ = -1;
  uint64_t file_bytes_ = 0;
  int64_t modified_ns_ = 0;
  SafetensorsHeader header_;
  std::map<std::string_view, size_t> index_;
};

// Writes `tensors` (any device and strides; stored contiguous, sorted by falling item size and then in the given
// order so that each is aligned) and `metadata`. Written beside `path` under a temporary name, synced,
// renamed and the folder synced: a reader sees the old file or the new one. `cancelled` is polled between
// blocks: Cancelled is thrown after the temporary file is removed.
void write_safetensors(const std::string& path,
                       const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata,
                       const std::atomic<bool>* cancelled = nullptr);

}  // namespace mira
