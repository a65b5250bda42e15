#include "core/text/scheme_detection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "core/text/quoted.h"
#include "core/text/strings.h"

namespace fintag {
namespace {

size_t IndexOf(TagScheme scheme) {
  return static_cast<size_t>(std::find(kTagSchemes.begin(), kTagSchemes.end(), scheme) - kTagSchemes.begin());
}

// "I-PER after O", the neighbours at `i` - 1 and `i` being illegal together.
std::string DescribePair(std::span<const std::string> tags, size_t i) {
  if (i == 0) return StrCat(Quoted(tags[0]), " at the start of a sentence");
  if (i == tags.size()) return StrCat(Quoted(tags[i - 1]), " at the end of a sentence");
  return StrCat(Quoted(tags[i]), " after ", Quoted(tags[i - 1]));
}

}  // namespace

void SchemeDetector::Add(std::span<const std::string> tags, int64_t line, Layout layout) {
  parsed_.clear();
  bool outside = true;
  for (const std::string& tag : tags) {
    const std::optional<ParsedTag> parsed = ParseTag(tag);
    parsed_.push_back(parsed);
    if (!parsed || parsed->prefix == 'O') continue;
    outside = false;
    if (prefixes_.find(parsed->prefix) == std::string::npos) prefixes_ += parsed->prefix;
  }
  if (outside) return;
  for (TagScheme scheme : kTagSchemes) Check(scheme, tags, line, layout);
}

void SchemeDetector::Check(TagScheme scheme, std::span<const std::string> tags, int64_t line, Layout layout) {
  Evidence& evidence = evidence_[IndexOf(scheme)];
  std::optional<ParsedTag> before = ParsedTag{};
  for (size_t i = 0; i <= parsed_.size(); ++i) {
    std::optional<ParsedTag> tag = i < parsed_.size() ? parsed_[i] : ParsedTag{};
    // Most words of most files; legal in every scheme.
    if (before && tag && before->prefix == 'O' && tag->prefix == 'O') continue;
    const bool foreign = tag && !HasPrefix(scheme, tag->prefix);
    const bool illegal = foreign || (before && tag && !IsLegalPair(scheme, *before, *tag));
    if (illegal && ++evidence.conflicts <= static_cast<int64_t>(kMaxErrors)) {
      const size_t word = std::min(i, parsed_.size() - 1);
      std::string what = foreign ? StrCat("the prefix of ", Quoted(tags[i])) : DescribePair(tags, i);
      if (layout == Layout::kLineAWord) {
        evidence.first.push_back({line + static_cast<int64_t>(word), std::move(what)});
      } else {
        evidence.first.push_back({line, StrCat("tags[", word, "]: ", what)});
      }
    }
    // A foreign tag is one conflict, not three with its neighbours.
    if (foreign) tag.reset();
    before = tag;
  }
}

std::optional<TagScheme> SchemeDetector::Detected() const {
  for (TagScheme scheme : kTagSchemes) {
    if (evidence_[IndexOf(scheme)].conflicts == 0) return scheme;
  }
  return std::nullopt;
}

std::vector<LineError> SchemeDetector::Errors() const {
  if (Detected()) return {};
  const auto has_all = [&](TagScheme scheme) {
    return std::all_of(prefixes_.begin(), prefixes_.end(), [&](char prefix) { return HasPrefix(scheme, prefix); });
  };
  const TagScheme nearest = *std::min_element(kTagSchemes.begin(), kTagSchemes.end(), [&](TagScheme a, TagScheme b) {
    return std::pair(evidence_[IndexOf(a)].conflicts, !has_all(a)) <
           std::pair(evidence_[IndexOf(b)].conflicts, !has_all(b));
  });

  std::vector<std::string> others;
  bool any_has_all = false;
  for (TagScheme scheme : kTagSchemes) {
    any_has_all = any_has_all || has_all(scheme);
    if (!has_all(scheme) || scheme == nearest) continue;
    const Evidence& evidence = evidence_[IndexOf(scheme)];
    others.push_back(StrCat(TagSchemeName(scheme), " is ruled out by line ", evidence.first[0].line, " (",
                            evidence.first[0].reason, ")"));
  }
  if (!any_has_all) {
    std::string sorted = prefixes_;
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::string> letters;
    for (char prefix : sorted) letters.emplace_back(1, prefix);
    others.push_back(StrCat("no scheme has all the prefixes ", absl::StrJoin(letters, ", ")));
  }

  std::vector<LineError> errors;
  for (const LineError& conflict : evidence_[IndexOf(nearest)].first) {
    errors.push_back({conflict.line, StrCat(conflict.reason, " is illegal in ", TagSchemeName(nearest))});
  }
  errors[0].reason += ", the tag scheme that fits the file best";
  for (const std::string& other : others) errors[0].reason += "; " + other;
  return errors;
}

}  // namespace fintag
