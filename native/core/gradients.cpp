// Gradient accumulation; see gradients.h.
#include "native/core/gradients.h"
#include <stdexcept>

namespace mira {

Gradients::Gradients(std::vector<std::pair<std::string, at::Tensor>> parameters)
    : parameters_(std::move(parameters)), sums_(parameters_.size()), versions_(parameters_.size(), -1) {}

void Gradients::set_storage(GradientStorage storage) {
  if (storage == storage_) return;
  if (!empty())
    throw std::invalid_argument("optimizer.gradients: expected no pending gradients when their storage changes; call "
                                "optimizerStep or zeroGradients first.");
  storage_ = storage;
}

void Gradients::begin() {
  if (storage_ == GradientStorage::float32) return;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& grad = parameters_[i].second.grad();
    versions_[i] = grad.defined() ? static_cast<int64_t>(grad._version()) : -1;
  }
}

void Gradients::collect() {
  ++passes_;
  if (storage_ == GradientStorage::parameter) return;
  at::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& p = parameters_[i].second;
    if (!p.grad().defined()) continue;
    if (sums_[i].defined()) sums_[i].add_(p.grad());
    else sums_[i] = p.grad().to(at::kFloat).contiguous();
    p.mutable_grad().reset();
  }
}

void Gradients::abandon() {
  bool touched = false;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& grad = parameters_[i].second.grad();
    if (storage_ == GradientStorage::float32) parameters_[i].second.mutable_grad().reset();
    else touched |= (grad.defined() ? static_cast<int64_t>(grad._version()) : -1) != versions_[i];
  }
  if (touched) clear();
}

void Gradients::clear() {
  passes_ = 0;
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
  if (storage_ == GradientStorage::float32) return sums_[i];
  const at::Tensor& grad = parameters_[i].second.grad();
  return grad.defined() ? grad.contiguous() : at::Tensor();
}

}  // namespace mira
