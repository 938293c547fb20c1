// Reading a safetensors file: open, check against its size, positional reads straight into tensors.
// pread and not mmap: a file that shrinks later gives an error here, where a mapping would give SIGBUS.
#include "native/core/safetensors.h"
#include <cerrno>
#include <fcntl.h>
#include <stdexcept>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace mira {
namespace {

constexpr int64_t kBlockElements = int64_t{1} << 22;  // of a conversion: 4M elements, 16 MB in float32

[[noreturn]] void fail_system(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int64_t nanoseconds(const struct timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

uint64_t little_endian_u64(const unsigned char* bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

}  // namespace

std::shared_ptr<SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail_system("cannot open " + path);
  std::shared_ptr<SafetensorsFile> file(new SafetensorsFile(path, fd));
  struct stat status;
  if (::fstat(fd, &status) != 0) fail_system("cannot read " + path);
  if (!S_ISREG(status.st_mode)) throw std::invalid_argument(path + ": expected a regular file");
  file->file_bytes_ = static_cast<uint64_t>(status.st_size);
  file->modified_ns_ = nanoseconds(status.st_mtim);

  auto invalid = [&](const std::string& what) {
    throw std::invalid_argument(path + ": not a valid safetensors file: " + what);
  };
  if (file->file_bytes_ < 8)
    invalid("it has " + std::to_string(file->file_bytes_) + " bytes, fewer than the 8 of a header length");
  unsigned char length_bytes[8];
  file->pread_exactly(length_bytes, 0, 8);
  uint64_t length = little_endian_u64(length_bytes);
  if (length == 0) invalid("the header is empty");
  if (length > kSafetensorsMaxHeader)
    invalid("the header claims " + std::to_string(length) + " bytes, more than the 100 MB allowed");
  if (length > file->file_bytes_ - 8) {
    invalid("the header claims " + std::to_string(length) + " bytes but only " +
            std::to_string(file->file_bytes_ - 8) + " follow; it is probably truncated");
  }
  std::string json(length, '\0');
  file->pread_exactly(json.data(), 8, length);
  file->header_ = parse_safetensors_header(json, file->file_bytes_, path);
  for (size_t i = 0; i < file->header_.entries.size(); ++i)
    file->index_.emplace(file->header_.entries[i].name, i);
  return file;
}

SafetensorsFile::~SafetensorsFile() {
  if (fd_ >= 0) ::close(fd_);
}

void SafetensorsFile::pread_exactly(void* into, uint64_t offset, uint64_t bytes) const {
  auto* at = static_cast<char*>(into);
  while (bytes > 0) {
    size_t part = static_cast<size_t>(std::min<uint64_t>(bytes, uint64_t{1} << 30));
    ssize_t got = ::pread(fd_, at, part, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_system("cannot read " + path_);
    if (got == 0) throw std::invalid_argument(path_ + ": the file became shorter while it was being read; it is truncated or still being written");
    at += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<uint64_t>(got);
  }
}

void SafetensorsFile::read_bytes(const SafetensorsEntry& entry, uint64_t offset, void* into, uint64_t bytes) const {
  if (offset > entry.end - entry.begin || bytes > entry.end - entry.begin - offset)
    throw std::invalid_argument(path_ + ": bytes beyond tensor '" + entry.name + "' were asked for");
  pread_exactly(into, header_.data_start + entry.begin + offset, bytes);
}

void SafetensorsFile::check_unchanged() const {
  struct stat status;
  if (::fstat(fd_, &status) != 0) fail_system("cannot read " + path_);
  if (static_cast<uint64_t>(status.st_size) != file_bytes_ || nanoseconds(status.st_mtim) != modified_ns_)
    throw std::invalid_argument(path_ + ": the file was changed while it was being read; read it again once it is complete");
}

const SafetensorsEntry* SafetensorsFile::find(std::string_view name) const {
  auto found = index_.find(name);
  return found == index_.end() ? nullptr : &header_.entries[found->second];
}

const SafetensorsEntry& SafetensorsFile::must_find(std::string_view name) const {
  const SafetensorsEntry* entry = find(name);
  if (entry == nullptr) throw std::invalid_argument(path_ + ": has no tensor '" + std::string(name) + "'");
  return *entry;
}

at::Tensor SafetensorsFile::read(std::string_view name, std::optional<at::ScalarType> dtype) const {
  const SafetensorsEntry& entry = must_find(name);
  std::optional<at::ScalarType> stored = safetensors_dtype(entry.dtype);
  if (!stored)
    throw std::invalid_argument(path_ + ": tensor '" + entry.name + "' has dtype " + entry.dtype +
                                ", which cannot be read");
  at::Tensor tensor = at::empty(entry.shape, dtype.value_or(*stored));
  read_into(name, tensor);
  return tensor;
}

void SafetensorsFile::read_into(std::string_view name, at::Tensor target) const {
  at::NoGradGuard no_grad;
  const SafetensorsEntry& entry = must_find(name);
  auto invalid = [&](const std::string& what) {
    throw std::invalid_argument(path_ + ": tensor '" + entry.name + "' " + what);
  };
  std::optional<at::ScalarType> stored = safetensors_dtype(entry.dtype);
  if (!stored) invalid("has dtype " + entry.dtype + ", which cannot be read");
  if (target.sizes() != at::IntArrayRef(entry.shape)) {
    invalid("has shape " + c10::str(at::IntArrayRef(entry.shape)) + ", expected " + c10::str(target.sizes()));
  }
  at::ScalarType wanted = target.scalar_type();
  if (wanted != *stored && !(at::isFloatingType(wanted) && at::isFloatingType(*stored))) {
    invalid("has dtype " + entry.dtype + ", which does not convert to " + std::string(c10::toString(wanted)));
  }
  if (target.numel() == 0) return;
  if (!target.is_cpu()) {
    target.copy_(read(name));
    return;
  }
  uint64_t offset = header_.data_start + entry.begin;
  // A bool is stored as any byte; C++ may only ever see 0 and 1.
  bool direct = target.is_contiguous() && wanted == *stored && *stored != at::kBool;
  if (direct) return pread_exactly(target.data_ptr(), offset, entry.end - entry.begin);

  at::ScalarType raw = *stored == at::kBool ? at::kByte : *stored;
  if (!target.is_contiguous()) {
    at::Tensor all = at::empty(entry.shape, raw);
    pread_exactly(all.data_ptr(), offset, entry.end - entry.begin);
    target.copy_(*stored == at::kBool ? all.ne(0) : all);
    return;
  }
  at::Tensor flat = target.detach().view({-1});
  at::Tensor block = at::empty({std::min(flat.numel(), kBlockElements)}, raw);
  for (int64_t done = 0; done < flat.numel(); done += block.numel()) {
    int64_t count = std::min(block.numel(), flat.numel() - done);
    at::Tensor part = block.narrow(0, 0, count);
    pread_exactly(part.data_ptr(), offset + static_cast<uint64_t>(done) * part.element_size(), part.nbytes());
    flat.narrow(0, done, count).copy_(*stored == at::kBool ? part.ne(0) : part);
  }
}

}  // namespace mira
