// The harness of the kernel check: a kernel on the device against the same function written in float64 on the
// CPU, forward and backward, on inputs rounded to the kernel's dtype first. Prints one JSON line per check;
// measures no time. Bounds are the project's: relative error below 1e-5 in float32 and 1e-2 in bfloat16, by
// norms.
#pragma once
#include <ATen/ATen.h>
#include <functional>
#include <string>
#include <vector>

namespace mira::check {

using Tensors = std::vector<at::Tensor>;
using Function = std::function<Tensors(const Tensors&)>;

struct Place {
  at::Device device;
  at::ScalarType dtype;
};

// ||got - want|| / ||want|| in float64; infinite when `got` has another shape or a value that is not finite.
double relative_error(const at::Tensor& got, const at::Tensor& want);
bool same_bits(const at::Tensor& a, const at::Tensor& b);
double bound_of(at::ScalarType);
// Seeded N(0, 1) in float64 on the CPU.
at::Tensor normal(at::IntArrayRef shape, uint64_t seed);

void report(const std::string& name, bool ok, const std::vector<std::pair<std::string, double>>& figures,
            const std::string& note = "");

struct Options {
  bool backward = true;
  // The same inputs twice give the same bits. Off where the library promises less.
  bool repeatable = true;
};
// `inputs` float64 on the CPU; `kernel` gets them in the place's dtype on its device, `reference` the same
// rounded values in float64. Outputs are compared in order, and with `backward` the gradients of all inputs.
void compare(const std::string& name, const Place&, const Tensors& inputs, const Function& kernel,
             const Function& reference, const Options& = {});

// Runs `body` and reports a throw as a failed check.
void attempt(const std::string& name, const std::function<void()>& body);

// One per file of checks; each reports on its own.
void check_layers(const Place&);
void check_attention(const Place&);
void check_head(const Place&);
void check_optimizers(const Place&);
void check_exact(const Place&);

int failures();

}  // namespace mira::check
