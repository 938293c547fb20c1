// Writing a safetensors file so that a crash at any moment leaves the old file or the new one, never half.
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <set>
#include <stdexcept>
#include <system_error>
#include <unistd.h>
#include "native/core/cancelled.h"
#include "native/core/safetensors.h"
#include "native/core/safetensors_json.h"

namespace mira {
namespace {

constexpr size_t kBlockBytes = size_t{16} << 20;

[[noreturn]] void fail_system(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// A file that removes itself unless it was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& target) : target_(target) {
    static std::atomic<unsigned> counter{0};
    path_ = target + ".writing-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0) fail_system("cannot write " + target);
  }
  ~TemporaryFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!renamed_) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(const char* data, size_t bytes, const std::atomic<bool>* cancelled) {
    while (bytes > 0) {
      poll(cancelled);
      ssize_t put = ::write(fd_, data, std::min(bytes, kBlockBytes));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) fail_system("cannot write " + target_);
      data += put;
      bytes -= static_cast<size_t>(put);
    }
  }

  void commit() {
    if (::fsync(fd_) != 0) fail_system("cannot write " + target_);
    if (::close(std::exchange(fd_, -1)) != 0) fail_system("cannot write " + target_);
    if (::rename(path_.c_str(), target_.c_str()) != 0) fail_system("cannot write " + target_);
    renamed_ = true;
    sync_folder();
  }

 private:
  // The rename itself is durable once the folder is. Some file systems refuse to sync a folder: no error.
  void sync_folder() {
    size_t slash = target_.rfind('/');
    std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : target_.substr(0, slash);
    int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    ::fsync(fd);
    ::close(fd);
  }

  std::string target_, path_;
  int fd_ = -1;
  bool renamed_ = false;
};

void append_quoted(std::string& json, const std::string& text) {
  json += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      json += escape;
    } else {
      json += c;
    }
  }
  json += '"';
}

using Named = std::pair<std::string, at::Tensor>;

std::string make_header(const std::vector<const Named*>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  std::string json = "{";
  if (!metadata.empty()) {
    json += "\"__metadata__\":{";
    const char* comma = "";
    for (const auto& [key, value] : metadata) {
      json += comma;
      append_quoted(json, key);
      json += ':';
      append_quoted(json, value);
      comma = ",";
    }
    json += '}';
  }
  uint64_t offset = 0;
  for (const Named* named : tensors) {
    if (json.size() > 1) json += ',';
    append_quoted(json, named->first);
    json += ":{\"dtype\":\"" + safetensors_dtype_name(named->second.scalar_type()) + "\",\"shape\":[";
    for (int64_t i = 0; i < named->second.dim(); ++i) {
      json += (i > 0 ? "," : "") + std::to_string(named->second.size(i));
    }
    uint64_t end = offset + named->second.nbytes();
    json += "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(end) + "]}";
    offset = end;
  }
  json += '}';
  json.resize((json.size() + 7) / 8 * 8, ' ');  // data starts aligned
  return json;
}

void check_tensors(const std::string& path, const std::vector<Named>& tensors,
                   const std::map<std::string, std::string>& metadata) {
  auto invalid = [&](const std::string& what) {
    throw std::invalid_argument("cannot write " + path + ": " + what);
  };
  std::set<std::string_view> names;
  for (const auto& [name, tensor] : tensors) {
    if (name.empty() || name.size() > kSafetensorsMaxName || name == "__metadata__" || !is_utf8(name) ||
        name.find('\0') != std::string::npos) {
      invalid("'" + name + "' is not a name a safetensors file can hold");
    }
    if (!names.insert(name).second) invalid("two tensors are called '" + name + "'");
    if (!tensor.defined() || !tensor.device().is_cpu()) invalid("'" + name + "' is not a CPU tensor");
    if (tensor.dim() > static_cast<int64_t>(kSafetensorsMaxRank))
      invalid("'" + name + "' has more than 8 dimensions");
    safetensors_dtype_name(tensor.scalar_type());
  }
  for (const auto& [key, value] : metadata) {
    if (!is_utf8(key) || !is_utf8(value)) invalid("the metadata is not UTF-8");
  }
}

}  // namespace

void write_safetensors(const std::string& path, const std::vector<Named>& tensors,
                       const std::map<std::string, std::string>& metadata,
                       const std::atomic<bool>* cancelled) {
  check_tensors(path, tensors, metadata);
  std::vector<const Named*> order;
  for (const Named& named : tensors) order.push_back(&named);
  std::stable_sort(order.begin(), order.end(), [](const Named* a, const Named* b) {
    return a->second.element_size() > b->second.element_size();
  });
  std::string json = make_header(order, metadata);
  if (json.size() > kSafetensorsMaxHeader)
    throw std::invalid_argument("cannot write " + path + ": the header would exceed 100 MB");

  TemporaryFile file(path);
  char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(json.size() >> (8 * i) & 0xff);
  file.write(length, sizeof length, cancelled);
  file.write(json.data(), json.size(), cancelled);
  for (const Named* named : order) {
    poll(cancelled);
    at::Tensor plain = named->second.detach().contiguous();
    file.write(static_cast<const char*>(plain.const_data_ptr()), plain.nbytes(), cancelled);
  }
  file.commit();
}

}  // namespace mira
