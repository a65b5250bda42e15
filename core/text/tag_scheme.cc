#include "core/text/tag_scheme.h"

namespace fintag {
namespace {

// Sets of prefixes as bits, so that the checks cost a few instructions a word.
constexpr uint8_t Bit(char prefix) {
  switch (prefix) {
    case 'B':
      return 1;
    case 'I':
      return 2;
    case 'E':
      return 4;
    case 'S':
      return 8;
    case 'L':
      return 16;
    case 'U':
      return 32;
    default:
      return 0;
  }
}

constexpr uint8_t Bits(std::string_view prefixes) {
  uint8_t bits = 0;
  for (char prefix : prefixes) bits |= Bit(prefix);
  return bits;
}

struct Rules {
  std::string_view name;
  uint8_t prefixes;
  uint8_t starting;      // always start an entity
  uint8_t ending;        // always end one
  uint8_t needs_before;  // need a tag of the same label and of `before` in front of them
  uint8_t before;
  uint8_t needs_after;  // need a tag of the same label and of `after` behind them
  uint8_t after;
};

const Rules& RulesOf(TagScheme scheme) {
  static constexpr Rules kIo = {"IO", Bits("I"), 0, 0, 0, 0, 0, 0};
  static constexpr Rules kIob1 = {"IOB1", Bits("IB"), Bits("B"), 0, Bits("B"), Bits("IB"), 0, 0};
  static constexpr Rules kIob2 = {"IOB2", Bits("IB"), Bits("B"), 0, Bits("I"), Bits("IB"), 0, 0};
  static constexpr Rules kIoe1 = {"IOE1", Bits("IE"), 0, Bits("E"), 0, 0, Bits("E"), Bits("IE")};
  static constexpr Rules kIoe2 = {"IOE2", Bits("IE"), 0, Bits("E"), 0, 0, Bits("I"), Bits("IE")};
  static constexpr Rules kIobes = {"IOBES",    Bits("BIES"), Bits("BS"), Bits("ES"),
                                   Bits("IE"), Bits("BI"),   Bits("BI"), Bits("IE")};
  static constexpr Rules kBilou = {"BILOU",    Bits("BILU"), Bits("BU"), Bits("LU"),
                                   Bits("IL"), Bits("BI"),   Bits("BI"), Bits("IL")};
  switch (scheme) {
    case TagScheme::kIo:
      return kIo;
    case TagScheme::kIob1:
      return kIob1;
    case TagScheme::kIob2:
      return kIob2;
    case TagScheme::kIoe1:
      return kIoe1;
    case TagScheme::kIoe2:
      return kIoe2;
    case TagScheme::kIobes:
      return kIobes;
    case TagScheme::kBilou:
      return kBilou;
  }
  return kIob2;
}

}  // namespace

std::string_view TagSchemeName(TagScheme scheme) { return RulesOf(scheme).name; }

std::optional<ParsedTag> ParseTag(std::string_view tag) {
  if (tag == "O") return ParsedTag{};
  if (tag.size() < 3 || tag[1] != '-' || Bit(tag[0]) == 0) return std::nullopt;
  return ParsedTag{tag[0], tag.substr(2)};
}

bool HasPrefix(TagScheme scheme, char prefix) { return prefix == 'O' || (RulesOf(scheme).prefixes & Bit(prefix)) != 0; }

bool IsLegalPair(TagScheme scheme, ParsedTag before, ParsedTag after) {
  const Rules& rules = RulesOf(scheme);
  const uint8_t left = Bit(before.prefix);
  const uint8_t right = Bit(after.prefix);
  if ((right & rules.needs_before) != 0 && ((left & rules.before) == 0 || before.label != after.label)) return false;
  if ((left & rules.needs_after) != 0 && ((right & rules.after) == 0 || before.label != after.label)) return false;
  return true;
}

std::vector<Span> SpansOf(std::span<const std::string> tags, TagScheme scheme) {
  const Rules& rules = RulesOf(scheme);
  std::vector<Span> spans;
  ParsedTag before;
  for (size_t i = 0; i < tags.size(); ++i) {
    const ParsedTag tag = ParseTag(tags[i]).value_or(ParsedTag{});
    if (tag.prefix != 'O') {
      const bool starts = before.prefix == 'O' || before.label != tag.label ||
                          (Bit(tag.prefix) & rules.starting) != 0 || (Bit(before.prefix) & rules.ending) != 0;
      if (starts) {
        spans.push_back({static_cast<int32_t>(i), static_cast<int32_t>(i + 1), std::string(tag.label)});
      } else {
        spans.back().end = static_cast<int32_t>(i + 1);
      }
    }
    before = tag;
  }
  return spans;
}

std::vector<std::string> Iob2Tags(std::span<const Span> spans, int32_t words) {
  std::vector<std::string> tags(static_cast<size_t>(words), "O");
  for (const Span& span : spans) {
    for (int32_t word = span.begin; word < span.end; ++word) {
      tags[static_cast<size_t>(word)] = (word == span.begin ? "B-" : "I-") + span.label;
    }
  }
  return tags;
}

}  // namespace fintag
