#include "core/model/pickle_reader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/model/byte_reader.h"
#include "core/model/printable.h"
#include "core/text/strings.h"

namespace fintag {
namespace {

// Opcodes by their names in Python's pickletools.
enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kNone = 'N',
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kLong1 = 0x8a,
  kBinFloat = 'G',
  kBinUnicode = 'X',
  kShortBinUnicode = 0x8c,
  kShortBinString = 'U',
  kEmptyDict = '}',
  kEmptyList = ']',
  kEmptyTuple = ')',
  kTuple = 't',
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kAppend = 'a',
  kAppends = 'e',
  kSetItem = 's',
  kSetItems = 'u',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kMemoize = 0x94,
  kBinGet = 'h',
  kLongBinGet = 'j',
  kGlobal = 'c',
  kStackGlobal = 0x93,
  kReduce = 'R',
  kBuild = 'b',
  kBinPersId = 'Q',
  kProto = 0x80,
  kFrame = 0x95,
};

constexpr size_t kMostValues = 200'000;  // a large BERT has 8,000
constexpr uint8_t kNewestProtocol = 5;

constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kGlobals = {{
    {"collections", "OrderedDict"},
    {"torch._utils", "_rebuild_tensor_v2"},
    {"torch._utils", "_rebuild_parameter"},
    {"torch", "FloatStorage"},
    {"torch", "HalfStorage"},
    {"torch", "BFloat16Storage"},
    {"torch", "DoubleStorage"},
    {"torch", "LongStorage"},
    {"torch", "IntStorage"},
    {"torch", "ShortStorage"},
    {"torch", "CharStorage"},
    {"torch", "ByteStorage"},
    {"torch", "BoolStorage"},
}};

class Machine {
 public:
  explicit Machine(absl::Span<const uint8_t> bytes) : reader_(bytes) {}

  absl::StatusOr<std::unique_ptr<Pickle>> Run() {
    while (true) {
      position_ = reader_.position();
      const auto opcode = reader_.Next<uint8_t>();
      if (!opcode) return Error("ends without STOP");
      if (*opcode == kStop) break;
      if (const absl::Status status = Execute(*opcode); !status.ok()) return status;
      if (pickle_->values.size() > kMostValues || stack_.size() > kMostValues || memo_.size() > kMostValues) {
        return Error(StrCat("more than ", kMostValues, " values"));
      }
    }
    if (stack_.size() != 1 || !marks_.empty()) return Error("STOP with other than one value left");
    pickle_->root = stack_.front();
    pickle_->length = reader_.position();
    return std::move(pickle_);
  }

 private:
  absl::Status Error(std::string_view what) const {
    return absl::InvalidArgumentError(StrCat("pickle, byte ", position_, ": ", what));
  }
  absl::Status CutShort() const { return Error("ends within an opcode"); }

  // Values are made mutable and handed out constant; only the dict and list opcodes below change them afterwards.
  template <typename Kind>
  absl::Status Push(Kind value) {
    pickle_->values.push_back(PickleValue{std::move(value)});
    stack_.push_back(&pickle_->values.back());
    return absl::OkStatus();
  }

  // Stack items above the innermost mark are all that an opcode may take.
  size_t Available() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }

  template <typename Kind>
  Kind* MutableTop() {
    return Available() == 0 ? nullptr : std::get_if<Kind>(&const_cast<PickleValue*>(stack_.back())->value);
  }

  // Takes the top `count` items off the stack.
  std::optional<std::vector<PickleRef>> Pop(size_t count) {
    if (Available() < count) return std::nullopt;
    std::vector<PickleRef> items(stack_.end() - static_cast<ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }
  std::optional<std::vector<PickleRef>> PopToMark() {
    if (marks_.empty()) return std::nullopt;
    auto items = Pop(Available());
    marks_.pop_back();
    return items;
  }

  template <typename Length>
  absl::Status PushText() {
    const auto length = reader_.Next<Length>();
    const auto text = length ? reader_.Text(*length) : std::nullopt;
    return text ? Push(*text) : CutShort();
  }

  template <typename Integer>
  absl::Status PushInteger() {
    const auto value = reader_.Next<Integer>();
    return value ? Push(static_cast<int64_t>(*value)) : CutShort();
  }

  absl::Status PushLong() {
    const auto length = reader_.Next<uint8_t>();
    const auto text = length ? reader_.Text(*length) : std::nullopt;
    if (!text) return CutShort();
    if (text->size() > sizeof(int64_t)) return Push(PickleLong{*text});
    uint64_t value = !text->empty() && (text->back() & 0x80) != 0 ? ~uint64_t{0} : 0;
    for (size_t i = text->size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>((*text)[i]);
    return Push(static_cast<int64_t>(value));
  }

  absl::Status PushFloat() {
    const auto bits = reader_.Next<uint64_t>();
    return bits ? Push(std::bit_cast<double>(__builtin_bswap64(*bits))) : CutShort();
  }

  absl::Status PushTuple(std::optional<std::vector<PickleRef>> items) {
    return items ? Push(PickleTuple{*std::move(items)}) : Error("stack runs out");
  }

  absl::Status PushGlobal(std::string_view module, std::string_view name) {
    for (const auto& allowed : kGlobals) {
      if (allowed.first == module && allowed.second == name) return Push(PickleGlobal{module, name});
    }
    return Error(StrCat("mentions ", Printable(module), ".", Printable(name),
                        ", which a file of weights has no need of; nothing of it was executed"));
  }

  absl::Status Global() {
    const auto module = reader_.Line();
    const auto name = module ? reader_.Line() : std::nullopt;
    return name ? PushGlobal(*module, *name) : CutShort();
  }

  absl::Status StackGlobal() {
    const auto names = Pop(2);
    const auto* module = names ? (*names)[0]->As<std::string_view>() : nullptr;
    const auto* name = names ? (*names)[1]->As<std::string_view>() : nullptr;
    return module != nullptr && name != nullptr ? PushGlobal(*module, *name) : Error("global without a name");
  }

  absl::Status Reduce() {
    const auto operands = Pop(2);
    if (!operands) return Error("stack runs out");
    const auto* callee = (*operands)[0]->As<PickleGlobal>();
    const auto* arguments = (*operands)[1]->As<PickleTuple>();
    if (callee == nullptr || arguments == nullptr) return Error("call of something other than a global with a tuple");
    if (callee->name != "OrderedDict") return Push(PickleCall{*callee, (*operands)[1]});
    if (!arguments->items.empty()) return Error("OrderedDict with arguments");
    return Push(PickleDict{});
  }

  // Sets attributes; the only objects that may have some are dicts, and nobody needs them.
  absl::Status Build() {
    if (!Pop(1)) return Error("stack runs out");
    return MutableTop<PickleDict>() != nullptr ? absl::OkStatus() : Error("attributes on something other than a dict");
  }

  absl::Status Append(std::optional<std::vector<PickleRef>> items) {
    if (!items) return Error("stack runs out");
    auto* list = MutableTop<PickleList>();
    if (list == nullptr) return Error("items appended to something other than a list");
    list->items.insert(list->items.end(), items->begin(), items->end());
    return absl::OkStatus();
  }

  absl::Status SetItems(std::optional<std::vector<PickleRef>> items) {
    if (!items) return Error("stack runs out");
    auto* dict = MutableTop<PickleDict>();
    if (dict == nullptr || items->size() % 2 != 0)
      return Error("items set on something other than a dict, or no pairs");
    for (size_t i = 0; i < items->size(); i += 2) dict->items.emplace_back((*items)[i], (*items)[i + 1]);
    return absl::OkStatus();
  }

  template <typename Index>
  absl::Status Put() {
    const auto index = reader_.Next<Index>();
    if (!index) return CutShort();
    if (Available() == 0) return Error("stack runs out");
    memo_[*index] = stack_.back();
    return absl::OkStatus();
  }

  absl::Status Memoize() {
    if (Available() == 0) return Error("stack runs out");
    memo_[static_cast<uint32_t>(memo_.size())] = stack_.back();
    return absl::OkStatus();
  }

  template <typename Index>
  absl::Status Get() {
    const auto index = reader_.Next<Index>();
    if (!index) return CutShort();
    const auto found = memo_.find(*index);
    if (found == memo_.end()) return Error("recalls what was not stored");
    stack_.push_back(found->second);
    return absl::OkStatus();
  }

  absl::Status Persistent() {
    const auto id = Pop(1);
    if (!id) return Error("stack runs out");
    const absl::Status status = Push(PicklePersistent{id->front()});
    pickle_->persistent.push_back(stack_.back());
    return status;
  }

  absl::Status Protocol() {
    const auto version = reader_.Next<uint8_t>();
    if (!version) return CutShort();
    return *version <= kNewestProtocol ? absl::OkStatus() : Error(StrCat("protocol ", *version, " is unknown"));
  }

  absl::Status Execute(uint8_t opcode) {
    switch (opcode) {
      case kProto:
        return Protocol();
      case kFrame:
        return reader_.Next<uint64_t>() ? absl::OkStatus() : CutShort();  // only a hint for buffering
      case kMark:
        return Mark();
      case kNone:
        return Push(PickleNone{});
      case kNewTrue:
        return Push(true);
      case kNewFalse:
        return Push(false);
      case kBinInt:
        return PushInteger<int32_t>();
      case kBinInt1:
        return PushInteger<uint8_t>();
      case kBinInt2:
        return PushInteger<uint16_t>();
      case kLong1:
        return PushLong();
      case kBinFloat:
        return PushFloat();
      case kBinUnicode:
        return PushText<uint32_t>();
      case kShortBinUnicode:
        return PushText<uint8_t>();
      case kShortBinString:
        return PushText<uint8_t>();
      case kEmptyDict:
        return Push(PickleDict{});
      case kEmptyList:
        return Push(PickleList{});
      case kEmptyTuple:
        return Push(PickleTuple{});
      case kTuple:
        return PushTuple(PopToMark());
      case kTuple1:
        return PushTuple(Pop(1));
      case kTuple2:
        return PushTuple(Pop(2));
      case kTuple3:
        return PushTuple(Pop(3));
      case kAppend:
        return Append(Pop(1));
      case kAppends:
        return Append(PopToMark());
      case kSetItem:
        return SetItems(Pop(2));
      case kSetItems:
        return SetItems(PopToMark());
      case kBinPut:
        return Put<uint8_t>();
      case kLongBinPut:
        return Put<uint32_t>();
      case kMemoize:
        return Memoize();
      case kBinGet:
        return Get<uint8_t>();
      case kLongBinGet:
        return Get<uint32_t>();
      case kGlobal:
        return Global();
      case kStackGlobal:
        return StackGlobal();
      case kReduce:
        return Reduce();
      case kBuild:
        return Build();
      case kBinPersId:
        return Persistent();
      default:
        return Error(StrCat("opcode 0x", absl::Hex(opcode), " is not one of a file of weights"));
    }
  }

  absl::Status Mark() {
    if (marks_.size() >= kMostValues) return Error("too many marks");
    marks_.push_back(stack_.size());
    return absl::OkStatus();
  }

  ByteReader reader_;
  uint64_t position_ = 0;  // of the opcode in hand
  std::unique_ptr<Pickle> pickle_ = std::make_unique<Pickle>();
  std::vector<PickleRef> stack_;
  std::vector<size_t> marks_;  // heights of the stack
  std::unordered_map<uint32_t, PickleRef> memo_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Pickle>> ReadPickle(absl::Span<const uint8_t> bytes) { return Machine(bytes).Run(); }

}  // namespace fintag
