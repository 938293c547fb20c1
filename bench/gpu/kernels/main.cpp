// Checks every kernel on a device against float64 on the CPU: mira_kernel_check [cpu|cuda|cuda:N]. Prints one
// JSON line per check; exit status 1 when one is red. Needs no Node.
#include <ATen/Context.h>
#include <cstdio>
#include <cstring>
#include "bench/gpu/kernels/check.h"

int main(int count, char** arguments) {
  const std::string name = count > 1 ? arguments[1] : "cpu";
  try {
    const at::Device device(name);
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      const mira::check::Place place{device, dtype};
      mira::check::check_layers(place);
      mira::check::check_attention(place);
      mira::check::check_head(place);
      mira::check::check_optimizers(place);
      mira::check::check_exact(place);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "Error: device %s: %s\n", name.c_str(), error.what());
    return 2;
  }
  return mira::check::failures() == 0 ? 0 : 1;
}
