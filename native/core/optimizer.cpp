// AdamW and gradient accumulation; see optimizer.h.
#include "native/core/optimizer.h"
#include <cmath>
#include <stdexcept>
#include "native/kernels/adamw.h"

namespace mira {
namespace {

void check_spec(const AdamWSpec& s) {
  const auto within = [](double x, double low, double high, const char* field) {
    if (!(x >= low && x < high))
      throw std::invalid_argument(std::string("optimizer.") + field + ": expected a number in [" + std::to_string(low) +
                                  ", " + std::to_string(high) + "), got " + std::to_string(x) + ".");
  };
  within(s.beta1, 0, 1, "beta1");
  within(s.beta2, 0, 1, "beta2");
  within(s.weight_decay, 0, 1e6, "weightDecay");
  if (!(s.eps > 0)) throw std::invalid_argument("optimizer.eps: expected a positive number, got " + std::to_string(s.eps) + ".");
}

}  // namespace

Gradients::Gradients(std::vector<std::pair<std::string, at::Tensor>> parameters)
    : parameters_(std::move(parameters)), sums_(parameters_.size()) {}

void Gradients::collect() {
  at::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& p = parameters_[i].second;
    if (p.scalar_type() == at::kFloat || !p.grad().defined()) continue;
    if (sums_[i].defined()) sums_[i].add_(p.grad());
    else sums_[i] = p.grad().to(at::kFloat).contiguous();
    p.mutable_grad().reset();
  }
}

void Gradients::clear() {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    parameters_[i].second.mutable_grad().reset();
    sums_[i].reset();
  }
}

bool Gradients::empty() const {
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (of(i).defined()) return false;
  return true;
}

at::Tensor Gradients::of(size_t i) const {
  const at::Tensor& p = parameters_[i].second;
  if (p.scalar_type() != at::kFloat) return sums_[i];
  return p.grad().defined() ? p.grad().contiguous() : at::Tensor();
}

AdamW::AdamW(const AdamWSpec& spec) : spec_(spec) { check_spec(spec); }

void AdamW::set_spec(const AdamWSpec& spec) {
  check_spec(spec);
  spec_ = spec;
}

AdamW::Moments& AdamW::moments_of(const Gradients& gradients, size_t i) {
  moments_.resize(gradients.size());
  Moments& m = moments_[i];
  const at::Tensor& p = gradients.parameter(i);
  if (!m.first.defined()) {
    m.first = at::zeros(p.sizes(), at::kFloat);
    m.second = at::zeros(p.sizes(), at::kFloat);
  }
  if (p.scalar_type() != at::kFloat && !m.master.defined()) m.master = p.detach().to(at::kFloat).contiguous();
  return m;
}

OptimizerStep AdamW::step(Gradients& gradients, double lr, double clip_norm) {
  if (!(lr >= 0) || !std::isfinite(lr)) throw std::invalid_argument("options.lr: expected a number >= 0, got " + std::to_string(lr) + ".");
  if (!(clip_norm >= 0)) throw std::invalid_argument("options.clipNorm: expected a number >= 0 (0 = off), got " + std::to_string(clip_norm) + ".");
  if (gradients.empty()) throw std::invalid_argument("optimizerStep: expected gradients, got none; run policyStep or criticStep first.");
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> found(gradients.size());
  double squares = 0;
  for (size_t i = 0; i < gradients.size(); ++i)
    if ((found[i] = gradients.of(i)).defined()) squares += kernels::sum_of_squares(found[i]);
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) {
    gradients.clear();
    throw std::runtime_error("optimizerStep: expected a finite gradient, got a norm of " + std::to_string(norm) +
                             "; the parameters are unchanged and the gradients cleared.");
  }
  const bool clipped = clip_norm > 0 && norm > clip_norm;
  ++step_;
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!found[i].defined()) continue;
    Moments& m = moments_of(gradients, i);
    at::Tensor p = gradients.parameter(i);
    at::Tensor target = m.master.defined() ? m.master : p.detach();
    kernels::adamw_(target, m.first, m.second, found[i],
                    {lr, spec_.beta1, spec_.beta2, spec_.eps, p.dim() >= 2 ? spec_.weight_decay : 0.0,
                     clipped ? clip_norm / norm : 1.0, step_});
    if (m.master.defined()) p.copy_(m.master);
    // The kernel writes through raw pointers; whoever caches something of the weights must still notice.
    else p.unsafeGetTensorImpl()->bump_version();
  }
  gradients.clear();
  return {norm, clipped, step_};
}

std::vector<std::pair<std::string, at::Tensor>> AdamW::state(const Gradients& gradients) const {
  std::vector<std::pair<std::string, at::Tensor>> all{{"step", at::scalar_tensor(step_, at::kLong)}};
  for (size_t i = 0; i < moments_.size(); ++i) {
    if (!moments_[i].first.defined()) continue;
    all.emplace_back(gradients.name(i) + ".exp_avg", moments_[i].first);
    all.emplace_back(gradients.name(i) + ".exp_avg_sq", moments_[i].second);
    if (moments_[i].master.defined()) all.emplace_back(gradients.name(i) + ".master", moments_[i].master);
  }
  return all;
}

void AdamW::load_state(const Gradients& gradients, const std::map<std::string, at::Tensor>& state) {
  const auto step = state.find("step");
  if (step == state.end() || step->second.numel() != 1 || step->second.scalar_type() != at::kLong)
    throw std::invalid_argument("optimizer state: expected an int64 scalar named 'step'.");
  size_t used = 1;
  std::vector<Moments> loaded(gradients.size());
  for (size_t i = 0; i < gradients.size(); ++i) {
    const at::Tensor& p = gradients.parameter(i);
    const auto take = [&](const char* suffix, bool required) -> at::Tensor {
      const std::string name = gradients.name(i) + suffix;
      const auto found = state.find(name);
      if (found == state.end()) {
        if (required) throw std::invalid_argument("optimizer state: the tensor '" + name + "' is missing.");
        return {};
      }
      if (found->second.sizes() != p.sizes() || found->second.scalar_type() != at::kFloat)
        throw std::invalid_argument("optimizer state: '" + name + "' does not have its parameter's shape in float32.");
      ++used;
      return found->second.contiguous().clone();
    };
    loaded[i].first = take(".exp_avg", false);
    if (!loaded[i].first.defined()) continue;  // never updated
    loaded[i].second = take(".exp_avg_sq", true);
    if (p.scalar_type() != at::kFloat) loaded[i].master = take(".master", true);
  }
  if (used != state.size())
    throw std::invalid_argument("optimizer state: " + std::to_string(state.size() - used) +
                                " tensors belong to no parameter of this role; was it saved from another structure?");
  step_ = step->second.item<int64_t>();
  moments_ = std::move(loaded);
}

void AdamW::refresh_masters(const Gradients& gradients) {
  at::NoGradGuard no_grad;
  for (size_t i = 0; i < moments_.size(); ++i)
    if (moments_[i].master.defined()) moments_[i].master.copy_(gradients.parameter(i));
}

}  // namespace mira
