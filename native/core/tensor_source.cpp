// Where the bytes of a tensor to be written come from; see tensor_source.h.
#include "native/core/tensor_source.h"
#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <stdexcept>

namespace mira {
namespace {

constexpr int64_t kBlockBytes = int64_t{16} << 20;

// Rows [begin, begin + count) of the first dimension, in the stored dtype, on any device.
using ReadRows = std::function<at::Tensor(int64_t begin, int64_t count)>;

int64_t row_elements(const std::vector<int64_t>& shape) {
  int64_t elements = 1;
  for (size_t i = 1; i < shape.size(); ++i) elements *= shape[i];
  return elements;
}

void check_update(const std::string& name, const std::vector<int64_t>& shape, const LowRankUpdate& update) {
  if (shape.size() != 2 || update.a_RI.dim() != 2 || update.b_OR.dim() != 2 || update.a_RI.size(1) != shape[1] ||
      update.b_OR.size(0) != shape[0] || update.a_RI.size(0) != update.b_OR.size(1))
    throw std::invalid_argument("'" + name + "' " + c10::str(at::IntArrayRef(shape)) + ": the adapter's matrices A " +
                                c10::str(update.a_RI.sizes()) + " and B " + c10::str(update.b_OR.sizes()) + " do not fit it.");
}

TensorSource by_rows(std::string name, std::vector<int64_t> shape, at::ScalarType stored, at::ScalarType written, ReadRows read,
                     std::optional<LowRankUpdate> update) {
  if (stored != written && !(at::isFloatingType(stored) && at::isFloatingType(written)))
    throw std::invalid_argument("'" + name + "' is " + c10::toString(stored) + ", which is not converted to " + c10::toString(written) + ".");
  if (update) check_update(name, shape, *update);
  TensorSource source;
  source.name = std::move(name);
  source.dtype = safetensors_dtype_name(written);
  source.shape = shape;
  const int64_t width = row_elements(shape), rows = shape.empty() ? 1 : shape[0];
  const int64_t item = static_cast<int64_t>(c10::elementSize(written));
  source.bytes = static_cast<uint64_t>(rows) * static_cast<uint64_t>(width) * static_cast<uint64_t>(item);
  source.item_bits = item * 8;
  source.emit = [=, read = std::move(read)](const ByteSink& sink) {
    at::NoGradGuard no_grad;
    if (width == 0) return;
    const int64_t block = std::max<int64_t>(1, kBlockBytes / (width * std::max<int64_t>(item, update ? 4 : 1)));
    for (int64_t begin = 0; begin < rows; begin += block) {
      const int64_t count = std::min(block, rows - begin);
      at::Tensor part = read(begin, count);
      if (update)
        part = part.to(at::kFloat).addmm(update->b_OR.narrow(0, begin, count).to(at::kFloat), update->a_RI.to(at::kFloat), 1.0,
                                         update->scale);
      part = part.to(written).to(at::kCPU).contiguous();
      sink(part.const_data_ptr(), part.nbytes());
    }
  };
  return source;
}

}  // namespace

TensorSource tensor_source(std::string name, const at::Tensor& tensor, std::optional<at::ScalarType> dtype,
                           std::optional<LowRankUpdate> update) {
  if (!tensor.defined()) throw std::invalid_argument("'" + name + "' is not a tensor.");
  const at::Tensor t = tensor.detach();
  return by_rows(std::move(name), t.sizes().vec(), t.scalar_type(), dtype.value_or(t.scalar_type()),
                 [t](int64_t begin, int64_t count) { return t.dim() == 0 ? t : t.narrow(0, begin, count); }, std::move(update));
}

TensorSource file_source(std::string name, std::shared_ptr<SafetensorsFile> file, const SafetensorsEntry& entry,
                         std::optional<at::ScalarType> dtype, std::optional<LowRankUpdate> update) {
  const auto stored = safetensors_dtype(entry.dtype);
  if (dtype || update) {
    if (!stored) throw std::invalid_argument(file->path() + ": '" + entry.name + "' has dtype " + entry.dtype + ", which is not converted.");
    auto read = [file, entry, stored = *stored, width = row_elements(entry.shape)](int64_t begin, int64_t count) {
      std::vector<int64_t> shape = entry.shape;
      if (!shape.empty()) shape[0] = count;
      at::Tensor rows = at::empty(shape, stored);
      file->read_bytes(entry, static_cast<uint64_t>(begin * width) * rows.element_size(), rows.data_ptr(), rows.nbytes());
      return rows;
    };
    return by_rows(std::move(name), entry.shape, *stored, dtype.value_or(*stored), std::move(read), std::move(update));
  }
  TensorSource source;
  source.name = std::move(name);
  source.dtype = entry.dtype;
  source.shape = entry.shape;
  source.bytes = entry.end - entry.begin;
  source.item_bits = safetensors_dtype_bits(entry.dtype);
  source.emit = [file, entry](const ByteSink& sink) {
    std::vector<char> block(std::min<uint64_t>(kBlockBytes, entry.end - entry.begin));
    for (uint64_t done = 0; done < entry.end - entry.begin; done += block.size()) {
      const uint64_t count = std::min<uint64_t>(block.size(), entry.end - entry.begin - done);
      file->read_bytes(entry, done, block.data(), count);
      sink(block.data(), count);
    }
  };
  return source;
}

}  // namespace mira
