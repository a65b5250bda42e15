#include "core/model/safetensors.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "core/model/byte_reader.h"
#include "core/model/output_file.h"
#include "core/model/printable.h"
#include "core/model/strict_json.h"
#include "core/text/strings.h"

namespace fintag {
namespace {

using nlohmann::json;

constexpr uint64_t kLongestHeader = 16 << 20;  // ten times that of a BERT of 512 layers

std::optional<int64_t> ElementSize(std::string_view type) {
  static constexpr std::array<std::pair<std::string_view, int64_t>, 16> kTypes = {{{"BOOL", 1},
                                                                                   {"U8", 1},
                                                                                   {"I8", 1},
                                                                                   {"F8_E5M2", 1},
                                                                                   {"F8_E4M3", 1},
                                                                                   {"F8_E8M0", 1},
                                                                                   {"I16", 2},
                                                                                   {"U16", 2},
                                                                                   {"F16", 2},
                                                                                   {"BF16", 2},
                                                                                   {"I32", 4},
                                                                                   {"U32", 4},
                                                                                   {"F32", 4},
                                                                                   {"F64", 8},
                                                                                   {"I64", 8},
                                                                                   {"U64", 8}}};
  for (const auto& [name, size] : kTypes) {
    if (name == type) return size;
  }
  return std::nullopt;
}

absl::Status TensorError(std::string_view name, std::string_view what) {
  return absl::InvalidArgumentError(StrCat("tensor ", Printable(name), ": ", what));
}

// A non-negative integer of the header that fits int64.
std::optional<int64_t> Natural(const json& value) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > INT64_MAX) return std::nullopt;
  return value.get<int64_t>();
}

// One header entry; `begin` receives the offset of its data.
absl::StatusOr<StoredTensor> ParseEntry(const std::string& name, const json& entry, absl::Span<const uint8_t> data,
                                        int64_t& begin) {
  if (!entry.is_object()) return TensorError(name, "the header's entry is not an object");
  const auto type = entry.find("dtype");
  const auto shape = entry.find("shape");
  const auto offsets = entry.find("data_offsets");
  if (type == entry.end() || !type->is_string()) return TensorError(name, "dtype is missing or not a string");
  if (shape == entry.end() || !shape->is_array()) return TensorError(name, "shape is missing or not a list");
  if (offsets == entry.end() || !offsets->is_array() || offsets->size() != 2) {
    return TensorError(name, "data_offsets is missing or not a list of two");
  }
  StoredTensor tensor;
  tensor.name = name;
  tensor.type = type->get<std::string>();
  const auto element_size = ElementSize(tensor.type);
  if (!element_size) return TensorError(name, StrCat("unknown dtype ", Printable(tensor.type)));
  if (shape->size() > 8) return TensorError(name, "more than 8 dimensions");
  for (const json& dimension : *shape) {
    const auto size = Natural(dimension);
    if (!size) return TensorError(name, "shape holds something other than natural numbers");
    tensor.shape.push_back(*size);
  }
  const auto elements = ElementCount(tensor.shape);
  if (!elements) return TensorError(name, StrCat("shape ", ShapeText(tensor.shape), " is too large"));
  const auto first = Natural((*offsets)[0]);
  const auto last = Natural((*offsets)[1]);
  if (!first || !last || *first > *last || static_cast<uint64_t>(*last) > data.size()) {
    return TensorError(name, StrCat("data_offsets lie outside the file's ", data.size(), " bytes of data"));
  }
  if (*last - *first != *elements * *element_size) {
    return TensorError(name, StrCat(*last - *first, " bytes of data where shape ", ShapeText(tensor.shape),
                                    " and dtype ", tensor.type, " call for ", *elements * *element_size));
  }
  begin = *first;
  tensor.bytes = data.subspan(*first, *last - *first);
  return tensor;
}

}  // namespace

absl::StatusOr<std::vector<StoredTensor>> ParseSafetensors(absl::Span<const uint8_t> file) {
  ByteReader reader(file);
  const auto length = reader.Next<uint64_t>();
  if (!length) return absl::InvalidArgumentError("shorter than a safetensors header's length field");
  if (*length > kLongestHeader || *length > reader.remaining()) {
    return absl::InvalidArgumentError(
        StrCat("not a safetensors file, or cut short: header of ", *length, " bytes, file of ", file.size()));
  }
  const auto text = reader.Text(*length);
  const auto header = ParseJsonObject(*text);
  if (!header.ok()) return absl::InvalidArgumentError(StrCat("safetensors header: ", header.status().message()));
  const absl::Span<const uint8_t> data = file.subspan(reader.position());

  std::vector<std::pair<int64_t, StoredTensor>> found;
  for (const auto& [name, entry] : header->items()) {
    if (name == "__metadata__") continue;
    int64_t begin = 0;
    auto tensor = ParseEntry(name, entry, data, begin);
    if (!tensor.ok()) return tensor.status();
    found.emplace_back(begin, *std::move(tensor));
  }
  // An empty tensor takes no bytes and comes before the one that starts where it lies.
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::make_pair(a.first, a.second.bytes.size()) < std::make_pair(b.first, b.second.bytes.size());
  });
  std::vector<StoredTensor> tensors;
  tensors.reserve(found.size());
  uint64_t end = 0;
  for (auto& [begin, tensor] : found) {
    if (static_cast<uint64_t>(begin) != end) {
      return TensorError(tensor.name, StrCat("its data begin at ", begin, ", those before end at ", end));
    }
    end += tensor.bytes.size();
    tensors.push_back(std::move(tensor));
  }
  if (end != data.size()) {
    return absl::InvalidArgumentError(
        StrCat("the header accounts for ", end, " bytes of data, the file holds ", data.size()));
  }
  return tensors;
}

absl::Status WriteSafetensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors) {
  nlohmann::ordered_json header;
  header["__metadata__"]["format"] = "pt";
  int64_t end = 0;
  for (const auto& [name, tensor] : tensors) {
    const int64_t begin = end;
    end += tensor.numel() * static_cast<int64_t>(sizeof(float));
    header[name] = {{"dtype", "F32"}, {"shape", tensor.sizes().vec()}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');  // so that the data are aligned
  const uint64_t length = text.size();

  auto file = OutputFile::Create(path);
  if (!file.ok()) return file.status();
  absl::Status status = file->Write({reinterpret_cast<const char*>(&length), sizeof(length)});
  if (status.ok()) status = file->Write(text);
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor dense = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
    if (status.ok()) status = file->Write({static_cast<const char*>(dense.const_data_ptr()), dense.nbytes()});
  }
  return status.ok() ? file->Close() : status;
}

}  // namespace fintag
