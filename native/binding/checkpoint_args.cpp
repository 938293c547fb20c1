// See checkpoint_args.h.
#include "native/binding/checkpoint_args.h"
#include "native/binding/args.h"
#include "native/binding/tensor_wrap.h"

namespace mira::binding {

at::ScalarType weights_dtype(Napi::Value value, const char* name) {
  const at::ScalarType dtype = dtype_argument(value, name);
  if (dtype != at::kFloat && dtype != at::kBFloat16) throw_type_error(value.Env(), name, "'float32' or 'bfloat16'", value);
  return dtype;
}

WeightFiles weight_files_argument(Napi::Object options, const std::string& name) {
  return {strings_argument(field(options, "files"), name + ".files"), string_argument(field(options, "prefix"), name + ".prefix"),
          strings_argument(field(options, "ignore"), name + ".ignore")};
}

SaveOptions save_argument(Napi::Value value, const std::string& name) {
  const Napi::Object object = object_argument(value, name);
  SaveOptions options;
  options.prefix = string_argument(field(object, "prefix"), name + ".prefix");
  options.max_shard_bytes = static_cast<uint64_t>(integer_argument(field(object, "maxShardBytes"), name + ".maxShardBytes", 1));
  if (!missing(field(object, "dtype"))) options.dtype = weights_dtype(field(object, "dtype"), (name + ".dtype").c_str());
  const Napi::Array carried = array_argument(field(object, "carried"), name + ".carried");
  for (uint32_t i = 0; i < carried.Length(); ++i) {
    const std::string at = name + ".carried[" + std::to_string(i) + "]";
    const Napi::Object row = object_argument(carried.Get(i), at);
    options.carried.push_back({string_argument(field(row, "file"), at + ".file"), strings_argument(field(row, "names"), at + ".names")});
  }
  return options;
}

AdapterOptions adapter_argument(Napi::Value value, const std::string& name) {
  AdapterOptions options;
  if (missing(value)) return options;
  const Napi::Object object = object_argument(value, name);
  if (!missing(field(object, "adapters"))) options.adapters = bool_argument(field(object, "adapters"), name + ".adapters");
  if (!missing(field(object, "heads"))) options.heads = bool_argument(field(object, "heads"), name + ".heads");
  if (!missing(field(object, "prefix"))) options.prefix = string_argument(field(object, "prefix"), name + ".prefix");
  if (!missing(field(object, "scale"))) options.scale = number_argument(field(object, "scale"), name + ".scale");
  return options;
}

}  // namespace mira::binding
