// See atomic_file.h.
#include "native/core/atomic_file.h"
#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include "native/core/cancelled.h"

namespace mira {
namespace {

constexpr size_t kBlockBytes = size_t{16} << 20;

[[noreturn]] void fail_system(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

AtomicFile::AtomicFile(std::string target) : target_(std::move(target)) {
  static std::atomic<unsigned> counter{0};
  path_ = target_ + ".writing-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd_ < 0) fail_system("cannot write " + target_);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!renamed_) ::unlink(path_.c_str());
}

void AtomicFile::write(const void* data, size_t bytes, const std::atomic<bool>* cancelled) {
  auto* from = static_cast<const char*>(data);
  while (bytes > 0) {
    poll(cancelled);
    const ssize_t put = ::write(fd_, from, std::min(bytes, kBlockBytes));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_system("cannot write " + target_);
    from += put;
    bytes -= static_cast<size_t>(put);
  }
}

void AtomicFile::commit() {
  if (::fsync(fd_) != 0) fail_system("cannot write " + target_);
  if (::close(std::exchange(fd_, -1)) != 0) fail_system("cannot write " + target_);
  if (::rename(path_.c_str(), target_.c_str()) != 0) fail_system("cannot write " + target_);
  renamed_ = true;
  // The rename itself is durable once the folder is. Some file systems refuse to sync a folder: no error.
  const int fd = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace mira
