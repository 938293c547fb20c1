// AdamW's step over many tensors and its state; see optimizer.h.
#include "native/core/optimizer.h"
#include <cmath>
#include <stdexcept>
#include "native/kernels/adamw.h"
#include "native/kernels/adamw_int8.h"
#include "native/kernels/adamw_split.h"
#include "native/kernels/adamw_stochastic.h"

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

int64_t long_scalar(const std::map<std::string, at::Tensor>& state, const char* name) {
  const auto found = state.find(name);
  if (found == state.end() || found->second.numel() != 1 || found->second.scalar_type() != at::kLong)
    throw std::invalid_argument(std::string("optimizer state: expected an int64 scalar named '") + name +
                                "'; was it saved under another optimizer.state?");
  return found->second.item<int64_t>();
}

std::string describe(at::ScalarType dtype, at::IntArrayRef shape) {
  std::string text = std::string(c10::toString(dtype)) + " [";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace

AdamW::AdamW(const AdamWSpec& spec) : spec_(spec) { check_spec(spec); }

void AdamW::set_spec(const AdamWSpec& spec) {
  check_spec(spec);
  if (spec.state != spec_.state && !moments_.empty())
    throw std::invalid_argument(
        "optimizer.state: expected the state this optimizer began with; make a new role to change it.");
  spec_ = spec;
}

std::vector<AdamW::Slot> AdamW::slots_of(const at::Tensor& p) const {
  const std::vector<int64_t> shape = p.sizes().vec();
  const bool wide = p.scalar_type() == at::kFloat;
  if (wide || spec_.state == AdamWState::float32) {
    std::vector<Slot> slots{{".exp_avg", &Moments::first, at::kFloat, shape},
                            {".exp_avg_sq", &Moments::second, at::kFloat, shape}};
    if (!wide) slots.push_back({".master", &Moments::master, at::kFloat, shape});
    return slots;
  }
  if (spec_.state == AdamWState::int8) {
    const std::vector<int64_t> blocks{kernels::moment_blocks(p.numel())};
    return {{".exp_avg", &Moments::first, at::kChar, shape},
            {".exp_avg_sq", &Moments::second, at::kByte, shape},
            {".exp_avg_scale", &Moments::first_scale, at::kFloat, blocks},
            {".exp_avg_sq_scale", &Moments::second_scale, at::kFloat, blocks}};
  }
  std::vector<Slot> slots{{".exp_avg", &Moments::first, at::kBFloat16, shape},
                          {".exp_avg_sq", &Moments::second, at::kBFloat16, shape}};
  if (spec_.state == AdamWState::split) slots.push_back({".low", &Moments::low, at::kShort, shape});
  return slots;
}

AdamW::Moments& AdamW::moments_of(const Gradients& gradients, size_t i) {
  moments_.resize(gradients.size());
  Moments& m = moments_[i];
  if (m.first.defined()) return m;
  const at::Tensor& p = gradients.parameter(i);
  for (const Slot& slot : slots_of(p)) m.*slot.tensor = at::zeros(slot.shape, p.options().dtype(slot.dtype));
  if (m.master.defined()) m.master.copy_(p.detach());
  return m;
}

void AdamW::update(const at::Tensor& parameter, size_t index, Moments& m, const at::Tensor& gradient, double lr,
                   double scale) {
  const kernels::AdamWScalars scalars{lr, spec_.beta1, spec_.beta2, spec_.eps,
                                      parameter.dim() >= 2 ? spec_.weight_decay : 0.0, scale, step_};
  const kernels::RoundingKey key{spec_.seed, static_cast<uint32_t>(index), static_cast<uint32_t>(step_)};
  at::Tensor p = parameter.detach();
  if (m.master.defined()) {
    kernels::adamw_(m.master, m.first, m.second, gradient, scalars);
    p.copy_(m.master);
    return;  // copy_ has told autograd of the change; the kernels below write through raw pointers
  }
  if (m.low.defined()) kernels::adamw_split_(p, m.low, m.first, m.second, gradient, scalars, key);
  else if (m.first_scale.defined())
    kernels::adamw_int8_(p, m.first, m.second, m.first_scale, m.second_scale, gradient, scalars, key);
  else if (m.first.scalar_type() == at::kBFloat16)
    kernels::adamw_stochastic_(p, m.first, m.second, gradient, scalars, key);
  else kernels::adamw_(p, m.first, m.second, gradient, scalars);
  // Whoever caches something of the weights must still notice.
  parameter.unsafeGetTensorImpl()->bump_version();
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
  for (size_t i = 0; i < gradients.size(); ++i)
    if (found[i].defined())
      update(gradients.parameter(i), i, moments_of(gradients, i), found[i], lr, clipped ? clip_norm / norm : 1.0);
  gradients.clear();
  return {norm, clipped, step_};
}

std::vector<std::pair<std::string, at::Tensor>> AdamW::state(const Gradients& gradients) const {
  std::vector<std::pair<std::string, at::Tensor>> all{{"step", at::scalar_tensor(step_, at::kLong)}};
  if (spec_.state != AdamWState::float32)
    all.emplace_back("seed", at::scalar_tensor(static_cast<int64_t>(spec_.seed), at::kLong));
  for (size_t i = 0; i < moments_.size(); ++i) {
    if (!moments_[i].first.defined()) continue;
    for (const Slot& slot : slots_of(gradients.parameter(i)))
      all.emplace_back(gradients.name(i) + slot.suffix, moments_[i].*slot.tensor);
  }
  return all;
}

void AdamW::load_state(const Gradients& gradients, const std::map<std::string, at::Tensor>& state) {
  const int64_t step = long_scalar(state, "step");
  size_t used = 1;
  uint64_t seed = spec_.seed;
  if (spec_.state != AdamWState::float32) {
    seed = static_cast<uint64_t>(long_scalar(state, "seed"));
    ++used;
  }
  std::vector<Moments> loaded(gradients.size());
  for (size_t i = 0; i < gradients.size(); ++i) {
    const at::Tensor& p = gradients.parameter(i);
    if (!state.contains(gradients.name(i) + ".exp_avg")) continue;  // never updated
    for (const Slot& slot : slots_of(p)) {
      const std::string name = gradients.name(i) + slot.suffix;
      const auto found = state.find(name);
      if (found == state.end())
        throw std::invalid_argument("optimizer state: the tensor '" + name +
                                    "' is missing; was it saved under another optimizer.state?");
      const at::Tensor& t = found->second;
      if (t.sizes() != at::IntArrayRef(slot.shape) || t.scalar_type() != slot.dtype)
        throw std::invalid_argument("optimizer state: expected '" + name + "' in the shape and dtype " +
                                    describe(slot.dtype, slot.shape) + ", got " + describe(t.scalar_type(), t.sizes()) +
                                    "; load it into the role and the optimizer.state it was saved from.");
      ++used;
      loaded[i].*slot.tensor = t.to(p.device()).contiguous().clone();
    }
  }
  if (used != state.size())
    throw std::invalid_argument("optimizer state: " + std::to_string(state.size() - used) +
                                " tensors belong to no parameter of this role; was it saved from another structure?");
  step_ = step;
  spec_.seed = seed;
  moments_ = std::move(loaded);
}

void AdamW::refresh_masters(const Gradients& gradients) {
  at::NoGradGuard no_grad;
  for (size_t i = 0; i < moments_.size(); ++i) {
    if (moments_[i].master.defined()) moments_[i].master.copy_(gradients.parameter(i));
    if (moments_[i].low.defined()) moments_[i].low.zero_();
  }
}

}  // namespace mira
