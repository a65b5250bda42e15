#include "core/model/torch_archive.h"

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/model/byte_reader.h"
#include "core/model/pickle_reader.h"
#include "core/model/printable.h"
#include "core/model/zip_archive.h"
#include "core/text/strings.h"

namespace fintag {
namespace {

struct StorageType {
  std::string_view storage;  // in module torch
  std::string_view type;     // as safetensors names it
  int64_t element_size;
};
constexpr std::array<StorageType, 10> kStorageTypes = {{{"FloatStorage", "F32", 4},
                                                        {"HalfStorage", "F16", 2},
                                                        {"BFloat16Storage", "BF16", 2},
                                                        {"DoubleStorage", "F64", 8},
                                                        {"LongStorage", "I64", 8},
                                                        {"IntStorage", "I32", 4},
                                                        {"ShortStorage", "I16", 2},
                                                        {"CharStorage", "I8", 1},
                                                        {"ByteStorage", "U8", 1},
                                                        {"BoolStorage", "BOOL", 1}}};

struct Storage {
  const StorageType* type = nullptr;
  int64_t elements = 0;
  absl::Span<const uint8_t> bytes;
};
using Storages = std::map<std::string_view, Storage>;  // by key

absl::Status Invalid(std::string_view what) { return absl::InvalidArgumentError(AbslView(what)); }

template <typename Kind>
const Kind* Argument(const PickleTuple& tuple, size_t index) {
  return index < tuple.items.size() ? tuple.items[index]->As<Kind>() : nullptr;
}

// The key of ("storage", type, key, location, elements[, view]), and what it says of the storage.
absl::StatusOr<std::pair<std::string_view, Storage>> DescribeStorage(const PicklePersistent& persistent) {
  const auto* id = persistent.id->As<PickleTuple>();
  if (id == nullptr || id->items.size() < 5 || id->items.size() > 6) return Invalid("persistent id is not a storage's");
  const auto* tag = Argument<std::string_view>(*id, 0);
  const auto* type = Argument<PickleGlobal>(*id, 1);
  const auto* key = Argument<std::string_view>(*id, 2);
  const auto* elements = Argument<int64_t>(*id, 4);
  if (tag == nullptr || *tag != "storage" || type == nullptr || key == nullptr || elements == nullptr ||
      *elements < 0 || *elements > int64_t{1} << 48) {
    return Invalid("persistent id is not a storage's");
  }
  if (id->items.size() == 6 && Argument<PickleNone>(*id, 5) == nullptr) {
    return Invalid("views of storages are not supported; save the state_dict again with a current PyTorch");
  }
  for (const StorageType& known : kStorageTypes) {
    if (known.storage == type->name) return std::make_pair(*key, Storage{&known, *elements, {}});
  }
  return Invalid(StrCat(type->name, " is not a storage type"));
}

// All storages that the pickle mentions, without their bytes.
absl::StatusOr<Storages> DescribeStorages(const Pickle& pickle) {
  Storages storages;
  for (const PickleRef value : pickle.persistent) {
    const auto described = DescribeStorage(*value->As<PicklePersistent>());
    if (!described.ok()) return described.status();
    const auto [entry, is_new] = storages.insert(*described);
    if (!is_new &&
        (entry->second.type != described->second.type || entry->second.elements != described->second.elements)) {
      return Invalid(StrCat("storage ", Printable(described->first), " is described in two ways"));
    }
  }
  return storages;
}

std::optional<std::vector<int64_t>> Integers(const PickleTuple* tuple) {
  if (tuple == nullptr) return std::nullopt;
  std::vector<int64_t> integers;
  for (const PickleRef item : tuple->items) {
    const auto* integer = item->As<int64_t>();
    if (integer == nullptr) return std::nullopt;
    integers.push_back(*integer);
  }
  return integers;
}

// Elements from the first to behind the last of a view, or nothing where a stride is negative or the sum overflows.
std::optional<int64_t> Extent(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  int64_t extent = 1;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    int64_t step = 0;
    if (strides[axis] < 0 || __builtin_mul_overflow(shape[axis] - 1, strides[axis], &step) ||
        __builtin_add_overflow(extent, step, &extent)) {
      return std::nullopt;
    }
  }
  return extent;
}

bool IsDense(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  int64_t expected = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] != 1 && strides[axis] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

// _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks).
absl::StatusOr<StoredTensor> Rebuild(const PickleTuple& arguments, const Storages& storages) {
  const auto* persistent = Argument<PicklePersistent>(arguments, 0);
  const auto* offset = Argument<int64_t>(arguments, 1);
  const auto shape = Integers(Argument<PickleTuple>(arguments, 2));
  const auto strides = Integers(Argument<PickleTuple>(arguments, 3));
  if (persistent == nullptr || offset == nullptr || !shape || !strides || shape->size() != strides->size()) {
    return Invalid("arguments of _rebuild_tensor_v2 are not storage, offset, size and stride");
  }
  const auto described = DescribeStorage(*persistent);
  if (!described.ok()) return described.status();
  const Storage& storage = storages.at(described->first);
  const auto count = ElementCount(*shape);
  if (!count) return Invalid(StrCat("impossible shape ", ShapeText(*shape)));
  StoredTensor tensor;
  tensor.type = std::string(storage.type->type);
  tensor.shape = *shape;
  if (*count == 0) return tensor;
  const auto extent = Extent(*shape, *strides);
  // A view of more elements than its storage has repeats some (a stride of 0); weights never do, and a small file
  // could ask for any amount of memory that way.
  if (!extent || *offset < 0 || *extent > storage.elements || *offset > storage.elements - *extent ||
      *count > storage.elements) {
    return Invalid(StrCat("shape ", ShapeText(*shape), " with strides ", ShapeText(*strides), " from element ", *offset,
                          " does not fit its storage of ", storage.elements));
  }
  const int64_t size = storage.type->element_size;
  tensor.bytes = storage.bytes.subspan(*offset * size, *extent * size);
  if (!IsDense(*shape, *strides)) tensor.strides = *strides;
  return tensor;
}

// A tensor, or a parameter around one.
absl::StatusOr<StoredTensor> RebuildValue(const PickleValue& value, const Storages& storages) {
  const auto* call = value.As<PickleCall>();
  if (call != nullptr && call->callee.name == "_rebuild_parameter") {
    const auto* data = Argument<PickleCall>(*call->arguments->As<PickleTuple>(), 0);
    call = data;
  }
  if (call == nullptr || call->callee.name != "_rebuild_tensor_v2") return Invalid("is not a tensor");
  return Rebuild(*call->arguments->As<PickleTuple>(), storages);
}

absl::StatusOr<std::vector<StoredTensor>> Tensors(const PickleValue& root, const Storages& storages) {
  const auto* state = root.As<PickleDict>();
  if (state == nullptr) return Invalid("holds no state_dict; save model.state_dict(), not the model");
  std::vector<StoredTensor> tensors;
  std::set<std::string_view> names;
  for (const auto& [key, value] : state->items) {
    const auto* name = key->As<std::string_view>();
    if (name == nullptr) return Invalid("a key of the state_dict is not a string");
    if (!names.insert(*name).second) return Invalid(StrCat("tensor ", Printable(*name), " occurs twice"));
    auto tensor = RebuildValue(*value, storages);
    if (!tensor.ok()) return Invalid(StrCat("tensor ", Printable(*name), ": ", tensor.status().message()));
    tensor->name = std::string(*name);
    tensors.push_back(*std::move(tensor));
  }
  return tensors;
}

// <root>/data.pkl, <root>/byteorder and <root>/data/<key>; see torch/csrc/jit/serialization/inline_container.h.
absl::StatusOr<std::vector<StoredTensor>> ParseZip(absl::Span<const uint8_t> file) {
  const auto entries = ReadZipDirectory(file);
  if (!entries.ok()) return entries.status();
  std::string root;
  for (const auto& [name, bytes] : *entries) {
    if (name.ends_with("/constants.pkl")) return Invalid("is a TorchScript archive, not a state_dict");
    if (name.ends_with("/data.pkl")) root = name.substr(0, name.size() - std::string_view("data.pkl").size());
  }
  if (root.empty()) return Invalid("zip archive without data.pkl");
  const auto order = entries->find(StrCat(root, "byteorder"));
  if (order != entries->end()) {
    const std::string_view text(reinterpret_cast<const char*>(order->second.data()), order->second.size());
    if (text != "little") return Invalid(StrCat("byte order is ", Printable(text), ", not little"));
  }
  const auto pickle = ReadPickle(entries->at(StrCat(root, "data.pkl")));
  if (!pickle.ok()) return pickle.status();
  auto storages = DescribeStorages(**pickle);
  if (!storages.ok()) return storages.status();
  for (auto& [key, storage] : *storages) {
    const auto entry = entries->find(StrCat(root, "data/", key));
    if (entry == entries->end()) return Invalid(StrCat("storage ", Printable(key), " is missing"));
    storage.bytes = entry->second;
    if (storage.bytes.size() != static_cast<uint64_t>(storage.elements * storage.type->element_size)) {
      return Invalid(StrCat("storage ", Printable(key), " has ", storage.bytes.size(), " bytes, not ",
                            storage.elements * storage.type->element_size));
    }
  }
  return Tensors(*(*pickle)->root, *storages);
}

// Pickles of a magic number, the protocol 1001, facts of the system, the state_dict and the storages' keys, then each
// storage as its number of elements and its bytes; see torch/serialization.py, _legacy_save.
absl::StatusOr<std::vector<StoredTensor>> ParseLegacy(absl::Span<const uint8_t> file) {
  std::array<std::unique_ptr<Pickle>, 5> pickles;
  uint64_t position = 0;
  for (auto& pickle : pickles) {
    auto read = ReadPickle(file.subspan(position));
    if (!read.ok()) return read.status();
    pickle = *std::move(read);
    position += pickle->length;
  }
  const auto& [magic, protocol, system, state, keys] = pickles;
  constexpr std::string_view kMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
  const auto* number = magic->root->As<PickleLong>();
  const auto* version = protocol->root->As<int64_t>();
  if (number == nullptr || number->bytes != kMagic || version == nullptr || *version != 1001) {
    return Invalid("not a file of torch.save");
  }
  const auto* facts = system->root->As<PickleDict>();
  const auto* key_list = keys->root->As<PickleList>();
  if (facts == nullptr || key_list == nullptr) return Invalid("damaged legacy file of torch.save");
  for (const auto& [key, value] : facts->items) {
    const auto* name = key->As<std::string_view>();
    const auto* little = value->As<bool>();
    if (name != nullptr && *name == "little_endian" && (little == nullptr || !*little)) {
      return Invalid("byte order is not little-endian");
    }
  }
  auto storages = DescribeStorages(*state);
  if (!storages.ok()) return storages.status();
  ByteReader reader(file, position);
  std::set<std::string_view> loaded;
  for (const PickleRef item : key_list->items) {
    const auto* key = item->As<std::string_view>();
    const auto found = key == nullptr ? storages->end() : storages->find(*key);
    if (found == storages->end() || !loaded.insert(*key).second) return Invalid("storage keys do not match");
    Storage& storage = found->second;
    const auto elements = reader.Next<int64_t>();
    const auto bytes = reader.Bytes(static_cast<uint64_t>(storage.elements * storage.type->element_size));
    if (!elements || *elements != storage.elements || !bytes) {
      return Invalid(StrCat("storage ", Printable(*key), " is cut short or of another size than described"));
    }
    storage.bytes = *bytes;
  }
  if (loaded.size() != storages->size()) return Invalid("a storage is missing");
  return Tensors(*state->root, *storages);
}

}  // namespace

absl::StatusOr<std::vector<StoredTensor>> ParseTorchArchive(absl::Span<const uint8_t> file) {
  ByteReader reader(file);
  const bool is_zip = reader.Next<uint32_t>() == 0x04034b50;
  return is_zip ? ParseZip(file) : ParseLegacy(file);
}

}  // namespace fintag
