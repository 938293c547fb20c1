// Devices and their memory; see device.h. CUDA's own headers are needed only where the kernels are built.
#include "native/core/device.h"
#include <ATen/Context.h>
#include <torch/version.h>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <sstream>
#ifdef MIRA_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>
#endif

namespace mira {
namespace {

const std::string kLibTorch = "LibTorch " + std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) +
                              "." + std::to_string(TORCH_VERSION_PATCH);

#ifdef MIRA_CUDA
std::string cuda_version(int number) {  // 13020 -> "13.2"
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

void require_cuda(const std::string& name, int index) {
  const auto refuse = [&](const std::string& found) { throw CudaUnavailable("device '" + name + "' cannot be used: " + found); };
  int driver = 0, runtime = 0, count = 0;
  cudaRuntimeGetVersion(&runtime);
  cudaDriverGetVersion(&driver);  // 0 without a driver
  const std::string built = kLibTorch + " is built for CUDA " + cuda_version(runtime);
  if (driver == 0) refuse("no NVIDIA driver was found; " + built + "; install a driver for it, or use 'cpu'.");
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) cudaGetLastError();  // not sticky; the next caller must not see it
  if (status == cudaErrorInsufficientDriver)
    refuse("the NVIDIA driver supports CUDA " + cuda_version(driver) + " and " + built + "; update the driver, or use a LibTorch for CUDA " +
           cuda_version(driver) + ".");
  if (status != cudaSuccess && status != cudaErrorNoDevice)
    refuse(std::string(cudaGetErrorString(status)) + " (driver for CUDA " + cuda_version(driver) + ", " + built + ").");
  if (count == 0)
    refuse("the NVIDIA driver (CUDA " + cuda_version(driver) + ") shows no GPU to this process; check CUDA_VISIBLE_DEVICES, or use 'cpu'.");
  if (index >= count)
    refuse("this machine shows " + std::to_string(count) + " GPU" + (count == 1 ? "" : "s") + ", the last is 'cuda:" + std::to_string(count - 1) + "'.");
  int major = 0, minor = 0;
  C10_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index));
  C10_CUDA_CHECK(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index));
  if (major < 8)
    refuse("its compute capability is " + std::to_string(major) + "." + std::to_string(minor) + ", 8.0 or higher is needed; use 'cpu'.");
}
#endif

uint64_t number_in(const std::string& path, uint64_t otherwise) {
  std::ifstream file(path);
  uint64_t value = 0;
  return file >> value ? value : otherwise;  // "max" is no number
}

// "name value" or "name: value" lines, as in memory.stat and meminfo.
uint64_t line_in(const std::string& path, const std::string& name, uint64_t otherwise) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    uint64_t value = 0;
    if (words >> key >> value && (key == name || key == name + ":")) return value;
  }
  return otherwise;
}

// What the process's control group (version 2) still allows; UINT64_MAX without a limit. Pages of files that
// nobody maps count as used there but are given up first.
uint64_t cgroup_available() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("0::")) continue;
    const std::string folder = "/sys/fs/cgroup" + line.substr(3);
    const uint64_t limit = number_in(folder + "/memory.max", UINT64_MAX);
    if (limit == UINT64_MAX) return limit;
    const uint64_t used = number_in(folder + "/memory.current", 0);
    const uint64_t given_up = line_in(folder + "/memory.stat", "inactive_file", 0);
    return limit - std::min(limit, used - std::min(used, given_up));
  }
  return UINT64_MAX;
}

}  // namespace

at::Device parse_device(const std::string& name) {
  if (name == "cpu") return at::kCPU;
  int index = 0;
  if (name.starts_with("cuda:")) {
    const char *begin = name.data() + 5, *end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(begin, end, index);
    if (error != std::errc{} || stop != end || begin == end || index < 0 || index > 127)
      throw std::invalid_argument("device: expected 'cpu', 'cuda' or 'cuda:N', got '" + name + "'.");
  } else if (name != "cuda") {
    throw std::invalid_argument("device: expected 'cpu', 'cuda' or 'cuda:N', got '" + name + "'.");
  }
#ifdef MIRA_CUDA
  require_cuda(name, index);
  at::globalContext().lazyInitDevice(at::kCUDA);  // the allocator's statistics are refused before
  return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
#else
  throw CudaUnavailable("device '" + name + "' cannot be used: this addon was built without CUDA kernels, against " + kLibTorch +
                        (at::hasCUDA() ? ", which has CUDA" : " for the CPU") +
                        "; run `MIRA_CUDA=1 npm run setup` on a host with an NVIDIA GPU and its toolkit, or use 'cpu'.");
#endif
}

std::string device_name(at::Device device) { return device.str(); }

DeviceMemory device_memory(at::Device device) {
#ifdef MIRA_CUDA
  if (device.is_cuda()) {
    const c10::cuda::CUDAGuard guard(device);
    size_t free = 0, total = 0;
    C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
    const int64_t unused = stats.reserved_bytes[0].current - stats.allocated_bytes[0].current;
    return {free + static_cast<uint64_t>(std::max<int64_t>(0, unused)), total};
  }
#endif
  const uint64_t total = line_in("/proc/meminfo", "MemTotal", UINT64_MAX / 1024) * 1024;
  const uint64_t host = line_in("/proc/meminfo", "MemAvailable", UINT64_MAX / 1024) * 1024;
  return {std::min(host, cgroup_available()), total};
}

std::string gigabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, bytes < 100'000'000 ? "%.4f GB" : "%.2f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

void require_memory(at::Device device, uint64_t bytes, const std::string& what) {
  const uint64_t available = device_memory(device).available;
  if (bytes <= available) return;
  const bool on_device = !device.is_cpu();
  throw NotEnoughMemory(what + " needs " + std::to_string(bytes) + " bytes (" + gigabytes(bytes) + ") on '" + device_name(device) + "', where " +
                            std::to_string(available) + " (" + gigabytes(available) + ") are available; " +
                            (on_device ? "stop what else uses this GPU, or choose dtype 'bfloat16' or a smaller model."
                                       : "close other programs, or choose dtype 'bfloat16' or a smaller model."),
                        on_device);
}

}  // namespace mira
