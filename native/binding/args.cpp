// See args.h.
#include "native/binding/args.h"
#include <cmath>
#include <cstring>

namespace mira::binding {
namespace {

const char* typed_array_name(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array: return "Int8Array";
    case napi_uint8_array: return "Uint8Array";
    case napi_uint8_clamped_array: return "Uint8ClampedArray";
    case napi_int16_array: return "Int16Array";
    case napi_uint16_array: return "Uint16Array";
    case napi_int32_array: return "Int32Array";
    case napi_uint32_array: return "Uint32Array";
    case napi_float32_array: return "Float32Array";
    case napi_float64_array: return "Float64Array";
    case napi_bigint64_array: return "BigInt64Array";
    case napi_biguint64_array: return "BigUint64Array";
    default: return "typed array";
  }
}

at::Tensor copy_typed_array(Napi::Value value, const std::string& name, napi_typedarray_type type,
                            at::ScalarType dtype, int64_t length) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    throw_type_error(value.Env(), name, typed_array_name(type), value);
  }
  size_t count = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(value.Env(), value, nullptr, &count, &data, nullptr, nullptr) != napi_ok) {
    throw Napi::Error::New(value.Env());
  }
  if (length >= 0 && count != static_cast<size_t>(length)) {
    throw_range_error(value.Env(), name + ": expected " + std::to_string(length) + " elements, got " +
                                       std::to_string(count));
  }
  at::Tensor copy = at::empty({static_cast<int64_t>(count)}, dtype);
  if (count > 0) std::memcpy(copy.data_ptr(), data, copy.nbytes());
  return copy;
}

Napi::Error coded(Napi::Env env, Napi::Error error, const char* code) {
  error.Set("code", Napi::String::New(env, code));
  return error;
}

}  // namespace

std::string describe_value(Napi::Value value) {
  if (value.IsEmpty() || value.IsUndefined()) return "undefined";
  if (value.IsNull()) return "null";
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value() ? "true" : "false";
  if (value.IsNumber()) return "number " + value.ToString().Utf8Value();
  if (value.IsBigInt()) return "bigint " + value.ToString().Utf8Value();
  if (value.IsString()) {
    std::string text = value.As<Napi::String>();
    return "string '" + (text.size() > 40 ? text.substr(0, 40) + "..." : text) + "'";
  }
  if (value.IsTypedArray()) {
    auto array = value.As<Napi::TypedArray>();
    return std::string(typed_array_name(array.TypedArrayType())) + " of " +
           std::to_string(array.ElementLength());
  }
  if (value.IsArray()) return "array of " + std::to_string(value.As<Napi::Array>().Length());
  if (value.IsFunction()) return "a function";
  if (value.IsSymbol()) return "a symbol";
  return "an object";
}

void throw_type_error(Napi::Env env, const std::string& name, const std::string& expected, Napi::Value got) {
  throw coded(env,
              Napi::TypeError::New(env, name + ": expected " + expected + ", got " + describe_value(got)),
              "ERR_INVALID_ARGUMENT");
}

void throw_range_error(Napi::Env env, const std::string& message) {
  throw coded(env, Napi::RangeError::New(env, message), "ERR_OUT_OF_RANGE");
}

Napi::Object object_argument(Napi::Value value, const std::string& name) {
  if (!value.IsObject() || value.IsFunction()) throw_type_error(value.Env(), name, "an object", value);
  return value.As<Napi::Object>();
}

Napi::Array array_argument(Napi::Value value, const std::string& name) {
  if (!value.IsArray()) throw_type_error(value.Env(), name, "an array", value);
  return value.As<Napi::Array>();
}

std::string string_argument(Napi::Value value, const std::string& name) {
  if (!value.IsString()) throw_type_error(value.Env(), name, "a string", value);
  return value.As<Napi::String>();
}

bool bool_argument(Napi::Value value, const std::string& name) {
  if (!value.IsBoolean()) throw_type_error(value.Env(), name, "true or false", value);
  return value.As<Napi::Boolean>();
}

double number_argument(Napi::Value value, const std::string& name) {
  if (!value.IsNumber()) throw_type_error(value.Env(), name, "a number", value);
  double number = value.As<Napi::Number>();
  if (!std::isfinite(number))
    throw_range_error(value.Env(), name + ": expected a finite number, got " + describe_value(value));
  return number;
}

int64_t integer_argument(Napi::Value value, const std::string& name, int64_t low, int64_t high) {
  double number = number_argument(value, name);
  if (number != std::floor(number) || number < static_cast<double>(low) ||
      number > static_cast<double>(high)) {
    throw_range_error(value.Env(), name + ": expected an integer from " + std::to_string(low) + " to " +
                                       std::to_string(high) + ", got " + value.ToString().Utf8Value());
  }
  return static_cast<int64_t>(number);
}

uint64_t seed_argument(Napi::Value value, const std::string& name) {
  if (value.IsBigInt()) {
    bool lossless = false;
    uint64_t seed = value.As<Napi::BigInt>().Uint64Value(&lossless);
    if (!lossless)
      throw_range_error(value.Env(),
                        name + ": expected a bigint from 0 to 2^64-1, got " + describe_value(value));
    return seed;
  }
  if (!value.IsNumber()) throw_type_error(value.Env(), name, "a bigint", value);
  return static_cast<uint64_t>(integer_argument(value, name));
}

std::vector<std::string> strings_argument(Napi::Value value, const std::string& name) {
  Napi::Array array = array_argument(value, name);
  std::vector<std::string> strings;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    strings.push_back(string_argument(array.Get(i), name + "[" + std::to_string(i) + "]"));
  }
  return strings;
}

std::vector<int64_t> shape_argument(Napi::Value value, const std::string& name) {
  Napi::Array array = array_argument(value, name);
  if (array.Length() > 64) throw_range_error(value.Env(), name + ": expected at most 64 dimensions");
  std::vector<int64_t> shape;
  int64_t count = 1;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    shape.push_back(integer_argument(array.Get(i), name + "[" + std::to_string(i) + "]"));
    if (__builtin_mul_overflow(count, shape.back(), &count) || count > int64_t{1} << 53) {
      throw_range_error(value.Env(), name + ": more than 2^53 elements");
    }
  }
  return shape;
}

at::Tensor int32_argument(Napi::Value value, const std::string& name, int64_t length) {
  return copy_typed_array(value, name, napi_int32_array, at::kInt, length);
}
at::Tensor float32_argument(Napi::Value value, const std::string& name, int64_t length) {
  return copy_typed_array(value, name, napi_float32_array, at::kFloat, length);
}
at::Tensor uint8_argument(Napi::Value value, const std::string& name, int64_t length) {
  return copy_typed_array(value, name, napi_uint8_array, at::kByte, length);
}

}  // namespace mira::binding
