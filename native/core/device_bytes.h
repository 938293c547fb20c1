// A block of host memory with typed sections and its twin on a device: filled on the host, sent in one copy, at
// addresses that never change, so that a captured graph may read it. On the CPU both are one tensor.
#pragma once
#include <ATen/ATen.h>
#include <cstdint>

namespace mira {

class DeviceBytes {
 public:
  DeviceBytes(int64_t bytes, at::Device device) {
    // Pinned, or the copy would wait for the device.
    host_ = at::zeros({bytes}, at::TensorOptions().dtype(at::kByte).pinned_memory(device.is_cuda()));
    device_ = device.is_cuda() ? at::zeros({bytes}, at::TensorOptions(device).dtype(at::kByte)) : host_;
  }

  // The next `count` elements: where the host writes them, and the tensor that reads them on the device.
  template <typename T>
  struct Section { T* host; at::Tensor device; };
  template <typename T>
  Section<T> section(int64_t count) {
    const int64_t bytes = count * static_cast<int64_t>(sizeof(T)), from = used_;
    used_ += (bytes + 7) / 8 * 8;
    TORCH_CHECK(used_ <= device_.numel(), "DeviceBytes: sections exceed the block");
    return {reinterpret_cast<T*>(host_.mutable_data_ptr<uint8_t>() + from),
            device_.narrow(0, from, bytes).view(c10::CppTypeToScalarType<T>::value)};
  }
  void send() {
    if (!device_.is_same(host_)) device_.copy_(host_, /*non_blocking=*/true);
  }

 private:
  at::Tensor host_, device_;
  int64_t used_ = 0;
};

}  // namespace mira
