// ReadPickle: what it reads refers to itself and to the file, and to nothing else.
#include "core/model/pickle_reader.h"

#include <algorithm>
#include <set>

#include "tests/fuzz/input.h"

namespace fintag::fuzz {
namespace {

void CheckValue(const PickleValue& value, const std::set<PickleRef>& values, std::string_view file) {
  const auto known = [&](PickleRef reference) { FUZZ_PROMISE(values.contains(reference)); };
  if (const auto* text = value.As<std::string_view>()) FUZZ_PROMISE(Within(*text, file));
  if (const auto* number = value.As<PickleLong>()) FUZZ_PROMISE(Within(number->bytes, file));
  if (const auto* tuple = value.As<PickleTuple>()) std::for_each(tuple->items.begin(), tuple->items.end(), known);
  if (const auto* list = value.As<PickleList>()) std::for_each(list->items.begin(), list->items.end(), known);
  if (const auto* dict = value.As<PickleDict>()) {
    for (const auto& [key, item] : dict->items) known(key), known(item);
  }
  if (const auto* call = value.As<PickleCall>()) {
    known(call->arguments);
    FUZZ_PROMISE(call->arguments->As<PickleTuple>() != nullptr);
  }
  if (const auto* persistent = value.As<PicklePersistent>()) known(persistent->id);
}

}  // namespace
}  // namespace fintag::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file = fintag::fuzz::Text(data, size);
  const auto pickle = fintag::ReadPickle(fintag::fuzz::Bytes(file));
  FUZZ_PROMISE(pickle.ok() || absl::IsInvalidArgument(pickle.status()));
  if (!pickle.ok()) return 0;
  FUZZ_PROMISE((*pickle)->length <= size);
  std::set<fintag::PickleRef> values;
  for (const fintag::PickleValue& value : (*pickle)->values) values.insert(&value);
  FUZZ_PROMISE(values.contains((*pickle)->root));
  for (const fintag::PickleValue& value : (*pickle)->values) fintag::fuzz::CheckValue(value, values, file);
  for (const fintag::PickleRef value : (*pickle)->persistent) {
    FUZZ_PROMISE(value->As<fintag::PicklePersistent>() != nullptr);
  }
  return 0;
}
