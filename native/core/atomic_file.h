// A file that appears whole under its name or not at all: written aside, synced, renamed, the folder synced.
#pragma once
#include <atomic>
#include <cstddef>
#include <string>

namespace mira {

class AtomicFile {
 public:
  // Throws std::system_error when the folder cannot be written.
  explicit AtomicFile(std::string target);
  // Removes what was written unless commit() succeeded.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // `cancelled` is polled between blocks of 16 MB: throws Cancelled. Throws std::system_error (ENOSPC, ...).
  void write(const void* data, size_t bytes, const std::atomic<bool>* cancelled);
  void commit();

 private:
  std::string target_, path_;
  int fd_ = -1;
  bool renamed_ = false;
};

// The folder of a path: "." for a bare name.
std::string folder_of(const std::string& path);

}  // namespace mira
