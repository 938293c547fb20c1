// Where a tensor's memory comes from: zeroed pages, or JavaScript's own.
#pragma once
#include <ATen/ATen.h>
#include <napi.h>
#include <string>
#include <vector>

namespace mira::binding {

// Zeros without touching the pages: the kernel hands them out zeroed, so a large tensor costs the JS thread
// nothing until it is written.
at::Tensor zeroed_memory(const std::vector<int64_t>& shape, at::ScalarType dtype);

// The bytes behind an ArrayBufferView, checked to be exactly those of `shape` in `dtype`.
struct View {
  Napi::Value array_buffer;  // ArrayBuffer or SharedArrayBuffer
  void* data = nullptr;
  size_t bytes = 0;
};
View view_argument(Napi::Value value, const std::string& name, const std::vector<int64_t>& shape,
                   at::ScalarType dtype);

// Throws unless the memory stays where it is while the buffer lives, and is aligned for `dtype`.
void check_borrowable(const View& view, const std::string& name, at::ScalarType dtype);

// A tensor over `data`, inside `array_buffer`, which is kept from collection until the last view of the
// tensor is gone, on whatever thread that happens.
at::Tensor borrow_memory(Napi::Env env, Napi::Value array_buffer, void* data, at::IntArrayRef shape,
                         at::ScalarType dtype);

}  // namespace mira::binding
