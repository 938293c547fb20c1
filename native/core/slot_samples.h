// Sampling where the logits are: settings and results of n rows in memory that stays, for CUDA's sampler; on the
// CPU the rows go through Sampler. Either way a row's token is a function of its logits and its own settings.
#pragma once
#include <ATen/ATen.h>
#include <cstdint>
#include <span>
#include "native/core/decode.h"
#include "native/core/device_bytes.h"
#include "native/kernels/sample_rows.h"

namespace mira {

class SlotSamples {
 public:
  SlotSamples(int64_t rows, at::Device);
  // Takes the settings of the spans that want a token, before the pass; rows beyond them are drawn greedily.
  void fill(std::span<const DecodeSpan>);
  // Draws from float32 logits [rows,V]. On CUDA only launches kernels, and may be captured.
  void draw(const at::Tensor& logits_nV);
  // The samples of the spans given to fill; on CUDA this waits for the device.
  void read(std::span<const DecodeSpan>, std::span<Draw>);

 private:
  int64_t rows_;
  DeviceBytes bytes_;
  DeviceBytes::Section<double> temperature_, top_p_;
  DeviceBytes::Section<int64_t> seed_, position_;
  DeviceBytes::Section<int32_t> top_k_;
  at::Tensor results_3n_;  // float32 rows: the bits of the ids, logprobs, sampling logprobs
  at::Tensor logits_nV_;   // CPU only
  HostSampling host_;
};

}  // namespace mira
