// safetensorsHeader, safetensorsRead, safetensorsWrite: files, on the engine thread.
#include <napi.h>
#include "native/binding/args.h"
#include "native/binding/engine.h"
#include "native/binding/errors.h"
#include "native/binding/exports.h"
#include "native/binding/tensor_wrap.h"
#include "native/core/safetensors.h"

namespace mira::binding {
namespace {

using Tensors = std::vector<std::pair<std::string, at::Tensor>>;

Napi::Value header(const Napi::CallbackInfo& info) {
  std::string path = string_argument(info[0], "path");
  return run_on_engine(info.Env(), "safetensorsHeader", info[1], [path](const std::atomic<bool>&) -> Deliver {
    auto file = SafetensorsFile::open(path);
    return [file](Napi::Env env) -> Napi::Value {
      Napi::Array entries = Napi::Array::New(env);
      for (const SafetensorsEntry& entry : file->header().entries) {
        Napi::Object row = Napi::Object::New(env);
        Napi::Array shape = Napi::Array::New(env);
        for (int64_t size : entry.shape) shape.Set(shape.Length(), static_cast<double>(size));
        row.Set("name", entry.name);
        row.Set("dtype", entry.dtype);
        row.Set("shape", shape);
        row.Set("begin", static_cast<double>(entry.begin));
        row.Set("end", static_cast<double>(entry.end));
        entries.Set(entries.Length(), row);
      }
      // Without a prototype: a key may be called "__proto__".
      Napi::Object global = env.Global().Get("Object").As<Napi::Object>();
      Napi::Object metadata = global.Get("create").As<Napi::Function>().Call({env.Null()}).As<Napi::Object>();
      for (const auto& [key, value] : file->header().metadata) metadata.Set(key, value);
      Napi::Object result = Napi::Object::New(env);
      result.Set("entries", entries);
      result.Set("metadata", metadata);
      return result;
    };
  });
}

Napi::Value read(const Napi::CallbackInfo& info) {
  std::string path = string_argument(info[0], "path");
  std::vector<std::string> names = strings_argument(info[1], "names");
  return run_on_engine(
      info.Env(), "safetensorsRead", info[2], [path, names](const std::atomic<bool>& cancelled) -> Deliver {
        auto file = SafetensorsFile::open(path);
        Tensors tensors;
        for (const std::string& name : names) {
          if (cancelled) throw Cancelled();
          at::Tensor tensor = file->read(name);
          // The four dtypes JavaScript can see; float64 and float16 become float32.
          if (tensor.scalar_type() == at::kDouble || tensor.scalar_type() == at::kHalf)
            tensor = tensor.to(at::kFloat);
          if (tensor.scalar_type() == at::kBool) tensor = tensor.to(at::kByte);
          if (tensor.scalar_type() != at::kFloat && tensor.scalar_type() != at::kBFloat16 &&
              tensor.scalar_type() != at::kInt && tensor.scalar_type() != at::kByte) {
            throw std::invalid_argument(path + ": tensor '" + name + "' has dtype " +
                                        file->find(name)->dtype + ", which has no NativeTensor form");
          }
          tensors.emplace_back(name, tensor);
        }
        return [tensors](Napi::Env env) -> Napi::Value {
          Napi::Array list = Napi::Array::New(env);
          for (const auto& [name, tensor] : tensors) {
            Napi::Object row = Napi::Object::New(env);
            row.Set("name", name);
            row.Set("tensor", wrap_tensor(env, tensor));
            list.Set(list.Length(), row);
          }
          return list;
        };
      });
}

Napi::Value write(const Napi::CallbackInfo& info) {
  std::string path = string_argument(info[0], "path");
  Napi::Array rows = array_argument(info[1], "tensors");
  Tensors tensors;
  for (uint32_t i = 0; i < rows.Length(); ++i) {
    std::string at = "tensors[" + std::to_string(i) + "]";
    Napi::Object row = object_argument(rows.Get(i), at);
    tensors.emplace_back(string_argument(row.Get("name"), at + ".name"),
                         unwrap_tensor(row.Get("tensor"), (at + ".tensor").c_str()));
  }
  std::map<std::string, std::string> metadata;
  if (!missing(info[2])) {
    Napi::Object object = object_argument(info[2], "metadata");
    Napi::Array keys = object.GetPropertyNames();
    for (uint32_t i = 0; i < keys.Length(); ++i) {
      std::string key = keys.Get(i).ToString();
      metadata.emplace(key, string_argument(object.Get(key), "metadata." + key));
    }
  }
  return run_on_engine(
      info.Env(), "safetensorsWrite", info[3],
      [path, tensors = std::move(tensors), metadata](const std::atomic<bool>& cancelled) -> Deliver {
        write_safetensors(path, tensors, metadata, &cancelled);
        return [](Napi::Env env) { return env.Undefined(); };
      });
}

}  // namespace

void init_safetensors(Napi::Env env, Napi::Object exports) {
  exports.Set("safetensorsHeader", Napi::Function::New(env, header, "safetensorsHeader"));
  exports.Set("safetensorsRead", Napi::Function::New(env, read, "safetensorsRead"));
  exports.Set("safetensorsWrite", Napi::Function::New(env, write, "safetensorsWrite"));
}

}  // namespace mira::binding
