// info(): which LibTorch is mapped and what the machine offers; and the check at load that headers and
// libraries are of one release.
#include <ATen/Context.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <napi.h>
#include <node_api.h>
#include <torch/version.h>
#include <string>
#include <vector>
#include "native/binding/engine_thread.h"
#include "native/binding/errors.h"
#include "native/binding/exports.h"
#include "native/binding/info.h"

// Exported by libtorch_cpu since 2.4: a library without it fails to load, by this symbol's name, because its
// address is taken below; Node binds plain calls lazily and would fail in the middle of training.
extern "C" uint64_t aoti_torch_abi_version();

namespace mira::binding {
namespace {

uint64_t (*const volatile loaded_abi)() = &aoti_torch_abi_version;

std::string version_of(uint64_t abi) {
  return std::to_string(abi >> 56) + "." + std::to_string((abi >> 48) & 0xff) + "." +
         std::to_string((abi >> 40) & 0xff);
}

std::string header_version() {
  return std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) + "." +
         std::to_string(TORCH_VERSION_PATCH);
}

std::string mapped_path() {
  Dl_info found;
  return dladdr(reinterpret_cast<void*>(loaded_abi), &found) != 0 && found.dli_fname ? found.dli_fname : "";
}

struct Device {
  std::string name;
  double bytes;
};

// Through the driver that a CUDA LibTorch has loaded itself: no CUDA header is needed to build this file.
std::vector<Device> cuda_devices() {
  std::vector<Device> devices;
  if (!at::hasCUDA()) return devices;
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
  if (driver == nullptr) driver = dlopen("libcuda.so.1", RTLD_LAZY);
  if (driver == nullptr) return devices;
  auto init = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
  auto get = reinterpret_cast<int (*)(int*, int)>(dlsym(driver, "cuDeviceGet"));
  auto name_of = reinterpret_cast<int (*)(char*, int, int)>(dlsym(driver, "cuDeviceGetName"));
  auto bytes_of = reinterpret_cast<int (*)(size_t*, int)>(dlsym(driver, "cuDeviceTotalMem_v2"));
  if (!init || !get || !name_of || !bytes_of || init(0) != 0) return devices;
  int count = at::detail::getCUDAHooks().deviceCount();
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    int device = 0;
    char name[128] = "";
    size_t bytes = 0;
    if (get(&device, ordinal) != 0 || name_of(name, sizeof name, device) != 0 ||
        bytes_of(&bytes, device) != 0)
      break;
    devices.push_back({name, static_cast<double>(bytes)});
  }
  return devices;
}

Napi::Value info(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  return guarded(env, "info", [&]() -> Napi::Value {
    Napi::Object result = Napi::Object::New(env);
    result.Set("torch", version_of(loaded_abi()));
    result.Set("torchHeaders", header_version());
    result.Set("libtorchPath", mapped_path());
    uint32_t napi = 0;
    napi_get_version(env, &napi);
    result.Set("napi", napi);
    Napi::Object cuda = Napi::Object::New(env);
    Napi::Array list = Napi::Array::New(env);
    for (const Device& device : cuda_devices()) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("name", device.name);
      entry.Set("bytes", device.bytes);
      list.Set(list.Length(), entry);
    }
#ifdef MIRA_CUDA
    constexpr bool kernels = true;
#else
    constexpr bool kernels = false;
#endif
    cuda.Set("kernels", kernels);
    cuda.Set("available", kernels && list.Length() > 0);
    cuda.Set("devices", list);
    result.Set("cuda", cuda);
    Napi::Object cpu = Napi::Object::New(env);
    cpu.Set("threads", EngineThread::instance().threads());
    cpu.Set("capability", at::get_cpu_capability());
    result.Set("cpu", cpu);
    return result;
  });
}

}  // namespace

void check_libtorch(Napi::Env env) {
  uint64_t loaded = loaded_abi();
  if (loaded >> 48 == TORCH_ABI_VERSION >> 48) return;  // major and minor
  Napi::Error error = Napi::Error::New(env, "this addon was compiled for LibTorch " + header_version() +
                                                " but " + version_of(loaded) + " was loaded from " +
                                                mapped_path() + "; run `npm run setup` to build it again");
  error.Set("code", Napi::String::New(env, "E_LIBTORCH_MIXED"));
  throw error;
}

void check_cpu(Napi::Env env) {
#if MIRA_MARCH_V3 && (defined(__x86_64__) || defined(_M_X64))
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    return;
  Napi::Error error = Napi::Error::New(
      env,
      "this addon was compiled for CPUs with AVX2 and FMA, which this one lacks; build it with "
      "-DMIRA_MARCH= (an empty value) for any x86-64");
  error.Set("code", Napi::String::New(env, "E_CPU_UNSUPPORTED"));
  throw error;
#endif
}

void init_info(Napi::Env env, Napi::Object exports) {
  exports.Set("info", Napi::Function::New(env, info, "info"));
}

}  // namespace mira::binding
