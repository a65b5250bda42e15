// Python pickles of weight files, read as data: no name is looked up, nothing is called, nothing is executed.
// Format: https://docs.python.org/3/library/pickletools.html, the opcodes that torch.save uses in protocols 2 to 5.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace fintag {

struct PickleValue;
using PickleRef = const PickleValue*;

struct PickleNone {};
// An integer of more than 8 bytes, little-endian, as it stands in the file.
struct PickleLong {
  std::string_view bytes;
};
// A name out of the list of those a weight file may mention, such as torch.FloatStorage.
struct PickleGlobal {
  std::string_view module;
  std::string_view name;
};
struct PickleTuple {
  std::vector<PickleRef> items;
};
struct PickleList {
  std::vector<PickleRef> items;
};
// A dict or an OrderedDict, in the order of insertion; a key may occur more than once. Attributes (a state_dict's
// _metadata) are dropped.
struct PickleDict {
  std::vector<std::pair<PickleRef, PickleRef>> items;
};
// What Python would make by calling `callee`.
struct PickleCall {
  PickleGlobal callee;
  PickleRef arguments;  // a tuple
};
// What the pickle's reader is to supply: of torch.save, a storage.
struct PicklePersistent {
  PickleRef id;
};

struct PickleValue {
  std::variant<PickleNone, bool, int64_t, double, std::string_view, PickleLong, PickleGlobal, PickleTuple, PickleList,
               PickleDict, PickleCall, PicklePersistent>
      value;

  // The value as `Kind`, or null where it is of another kind.
  template <typename Kind>
  const Kind* As() const {
    return std::get_if<Kind>(&value);
  }
};

// One pickle. Its values refer to each other, in cycles too, and live as long as it does; strings point into the
// bytes that were read.
struct Pickle {
  std::deque<PickleValue> values;
  std::vector<PickleRef> persistent;  // all persistent ids, in order of appearance
  PickleRef root = nullptr;
  uint64_t length = 0;  // bytes up to and with STOP
};

// Reads the pickle at the start of `bytes`. INVALID_ARGUMENT with the byte position for an opcode or a global that is
// not on the list, a stack that runs out, an end without STOP, or more than 200,000 values,
// stack items or memo entries.
absl::StatusOr<std::unique_ptr<Pickle>> ReadPickle(absl::Span<const uint8_t> bytes);

}  // namespace fintag
