// Settings up, samples down; see slot_samples.h.
#include "native/core/slot_samples.h"
#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>

namespace mira {

SlotSamples::SlotSamples(int64_t rows, at::Device device)
    : rows_(rows), bytes_(rows * 40, device), temperature_(bytes_.section<double>(rows)),
      top_p_(bytes_.section<double>(rows)), seed_(bytes_.section<int64_t>(rows)),
      position_(bytes_.section<int64_t>(rows)), top_k_(bytes_.section<int32_t>(rows)) {
  if (device.is_cuda()) results_3n_ = at::zeros({3, rows}, at::TensorOptions(device).dtype(at::kFloat));
}

void SlotSamples::fill(std::span<const DecodeSpan> spans) {
  int64_t row = 0;
  const auto put = [&](const SamplerSettings& s, int64_t position) {
    temperature_.host[row] = s.temperature;
    top_p_.host[row] = s.top_p;
    seed_.host[row] = static_cast<int64_t>(s.seed);
    position_.host[row] = position;
    top_k_.host[row++] = static_cast<int32_t>(std::min<int64_t>(s.top_k, std::numeric_limits<int32_t>::max()));
  };
  for (const DecodeSpan& span : spans)
    if (span.sampler) put(*span.sampler, span.cache->length() + span.count);
  while (row < rows_) put({.temperature = 0}, 0);
  bytes_.send();
}

void SlotSamples::draw(const at::Tensor& logits_nV) {
  if (!logits_nV.is_cuda()) {
    logits_nV_ = logits_nV;
    return;
  }
#ifdef MIRA_CUDA
  kernels::sample_rows(logits_nV,
                       {temperature_.device, top_k_.device, top_p_.device, seed_.device, position_.device},
                       {results_3n_.select(0, 0).view(at::kInt), results_3n_.select(0, 1), results_3n_.select(0, 2)});
#endif
}

void SlotSamples::read(std::span<const DecodeSpan> spans, std::span<Draw> draws) {
  if (logits_nV_.defined()) {
    host_(spans, logits_nV_.const_data_ptr<float>(), logits_nV_.size(1), draws);
    logits_nV_.reset();
    return;
  }
  const at::Tensor results = results_3n_.to(at::kCPU);
  const float* from = results.const_data_ptr<float>();
  for (int64_t i = 0; i < static_cast<int64_t>(draws.size()); ++i) {
    Sample sample{0, from[rows_ + i], from[2 * rows_ + i]};
    std::memcpy(&sample.id, from + i, sizeof sample.id);
    draws[i] = {sample, nullptr};
    if (sample.id < 0) draws[i].error = std::make_exception_ptr(not_finite(static_cast<uint64_t>(position_.host[i])));
  }
}

}  // namespace mira
