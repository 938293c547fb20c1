// The harness; see check.h.
#include "bench/gpu/kernels/check.h"
#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/autograd/autograd.h>
#include <cmath>
#include <cstdio>
#include <limits>

namespace mira::check {
namespace {

int failed = 0;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

std::string number(double value) {
  if (!std::isfinite(value)) return "1e308";  // JSON has no infinity
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

Tensors leaves(const Tensors& inputs, const at::Device& device, at::ScalarType dtype,
               at::ScalarType compute) {
  Tensors out;
  for (const at::Tensor& input : inputs)
    out.push_back(input.to(dtype).to(compute).to(device).detach().requires_grad_(true));
  return out;
}

// Outputs, then gradients of the inputs under fixed cotangents.
Tensors run(const Function& f, const Tensors& inputs, at::ScalarType dtype, bool backward) {
  if (!backward) {
    at::NoGradGuard no_grad;
    return f(inputs);
  }
  Tensors outputs = f(inputs), cotangents;
  for (size_t i = 0; i < outputs.size(); ++i)
    cotangents.push_back(
        normal(outputs[i].sizes(), 1000 + i).to(dtype).to(outputs[i].scalar_type()).to(outputs[i].device()));
  const Tensors gradients = torch::autograd::grad(outputs, inputs, cotangents);
  outputs.insert(outputs.end(), gradients.begin(), gradients.end());
  return outputs;
}

}  // namespace

int failures() { return failed; }

at::Tensor normal(at::IntArrayRef shape, uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn(shape, generator, at::TensorOptions().dtype(at::kDouble));
}

double relative_error(const at::Tensor& got, const at::Tensor& want) {
  if (got.sizes() != want.sizes()) return std::numeric_limits<double>::infinity();
  const at::Tensor a = got.detach().to(at::kCPU).to(at::kDouble),
                   b = want.detach().to(at::kCPU).to(at::kDouble);
  if (!a.isfinite().all().item<bool>()) return std::numeric_limits<double>::infinity();
  const double size = b.norm().item<double>();
  return (a - b).norm().item<double>() / (size == 0 ? 1 : size);
}

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.detach().to(at::kCPU).contiguous(), y = b.detach().to(at::kCPU).contiguous();
  return x.sizes() == y.sizes() && x.scalar_type() == y.scalar_type() &&
         std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0;
}

double bound_of(at::ScalarType dtype) { return dtype == at::kFloat ? 1e-5 : 1e-2; }

void report(const std::string& name, bool ok, const std::vector<std::pair<std::string, double>>& figures,
            const std::string& note) {
  if (!ok) ++failed;
  std::string line = "{\"stage\":\"correctness\",\"name\":\"kernel " + escaped(name) +
                     "\",\"ok\":" + (ok ? "true" : "false") + ",\"figures\":{";
  for (size_t i = 0; i < figures.size(); ++i)
    line += (i ? ",\"" : "\"") + figures[i].first + "\":" + number(figures[i].second);
  line += "}" + (note.empty() ? "" : ",\"note\":\"" + escaped(note) + "\"") + "}";
  std::puts(line.c_str());
  std::fflush(stdout);
}

void attempt(const std::string& name, const std::function<void()>& body) {
  try {
    body();
  } catch (const std::exception& error) {
    const std::string what = error.what();
    report(name, false, {}, what.substr(0, what.find('\n')));
  }
}

void compare(const std::string& name, const Place& place, const Tensors& inputs, const Function& kernel,
             const Function& reference, const Options& options) {
  const std::string full = name + " " + c10::toString(place.dtype);
  attempt(full, [&] {
    const Tensors want =
        run(reference, leaves(inputs, at::kCPU, place.dtype, at::kDouble), place.dtype, options.backward);
    const Tensors got =
        run(kernel, leaves(inputs, place.device, place.dtype, place.dtype), place.dtype, options.backward);
    TORCH_CHECK(got.size() == want.size(), "expected ", want.size(), " results, got ", got.size());
    double worst = 0;
    for (size_t i = 0; i < got.size(); ++i) worst = std::max(worst, relative_error(got[i], want[i]));
    bool repeated = true;
    if (options.repeatable) {
      const Tensors again =
          run(kernel, leaves(inputs, place.device, place.dtype, place.dtype), place.dtype, options.backward);
      for (size_t i = 0; i < got.size(); ++i) repeated = repeated && same_bits(got[i], again[i]);
    }
    report(full, worst < bound_of(place.dtype) && repeated,
           {{"relativeError", worst}, {"bound", bound_of(place.dtype)}},
           repeated ? "" : "two runs on the same inputs differ");
  });
}

}  // namespace mira::check
