#include "core/text/word_splitter.h"

#include <algorithm>
#include <array>

#include "core/text/unicode_tables.h"
#include "core/text/utf8.h"

// The rules, in this order:
// 1. White space ends a word, and every Chinese character is one.
// 2. Anywhere: double quotes, runs of dashes (two or more, or one long dash) and of dots are words; so are commas and
//    semicolons that do not stand between two digits.
// 3. A piece that is left loses punctuation and currency signs off both ends, one by one, a run of equal marks at once,
//    and "'s" off its end. It keeps
//    - slashes ("and/or", "/s/"), and a dot before a digit (".5");
//    - its last dot, if it is an abbreviation, or an initial with more text behind it;
//    - a closing bracket whose opening one stands inside ("loan(s)", "2.1(a)").
// 4. A currency sign in front of a digit ends a word ("US$5" -> "US$" "5").

namespace fintag {
namespace {

// Keep their dot. Those in the second list do so only before a number, as "no." and "art." are also words.
constexpr std::array<std::string_view, 66> kAbbreviations = {
    "Inc",   "Corp", "Ltd",    "Co",    "Cos", "Bros",  "Dept", "Div",  "Mfg",  "Intl",   "Int'l",
    "Nat'l", "Assn", "Assoc",  "Ass'n", "LLC", "Mr",    "Mrs",  "Ms",   "Dr",   "Messrs", "Jr",
    "Sr",    "Prof", "Hon",    "Rev",   "Gov", "Sen",   "Rep",  "Gen",  "Col",  "Lt",     "Sgt",
    "Capt",  "St",   "Ave",    "Blvd",  "Rd",  "Ste",   "Bldg", "Fl",   "Jan",  "Feb",    "Mar",
    "Apr",   "Jun",  "Jul",    "Aug",   "Sep", "Sept",  "Oct",  "Nov",  "Dec",  "vs",     "etc",
    "al",    "cf",   "approx", "est",   "ca",  "Calif", "Mass", "Conn", "Penn", "Wash",   "Fla"};
constexpr std::array<std::string_view, 15> kBeforeNumber = {"No",  "Nos", "no",  "nos", "Sec", "Art", "Par", "para",
                                                            "Fig", "Ex",  "Sch", "p",   "pp",  "Vol", "Ch"};

struct Character {
  char32_t code_point;
  uint32_t byte;
};

bool IsOneOf(char32_t c, std::u32string_view set) { return set.find(c) != std::u32string_view::npos; }
bool IsSpace(char32_t c) { return PropertiesOf(c).flags & kWhiteSpace; }
bool IsDigit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool IsUpper(char32_t c) { return PropertiesOf(c).has_lower_case; }
bool IsPunctuation(char32_t c) { return PropertiesOf(c).flags & kPunctuation; }
bool IsLetter(char32_t c) { return (PropertiesOf(c).flags & kWordCharacter) && !IsDigit(c) && !IsPunctuation(c); }
bool IsCurrency(char32_t c) { return IsOneOf(c, U"$\u00A2\u00A3\u00A4\u00A5") || (c >= 0x20A0 && c <= 0x20CF); }
bool IsApostrophe(char32_t c) { return c == U'\'' || c == U'\u2019'; }
bool IsDoubleQuote(char32_t c) { return IsOneOf(c, U"\"\u201C\u201D\u201E\u00AB\u00BB"); }
bool IsLongDash(char32_t c) { return c == U'\u2014' || c == U'\u2015'; }
bool IsEdge(char32_t c) { return c != U'/' && (IsPunctuation(c) || IsCurrency(c)); }

constexpr std::u32string_view kOpening = U"([{", kClosing = U")]}";

char32_t OpeningOf(char32_t c) {
  const size_t at = kClosing.find(c);
  return at == std::u32string_view::npos ? 0 : kOpening[at];
}

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {
    for (size_t i = 0; i < text.size();) {
      const auto byte = static_cast<uint32_t>(i);
      characters_.push_back({NextCodePoint(text, i), byte});
    }
  }

  std::vector<TextWord> Split() {
    size_t begin = 0;  // of the piece that is being read
    size_t i = 0;
    while (i < characters_.size()) {
      const size_t length = SeparatorAt(i, begin);
      if (length == 0) {
        ++i;
        continue;
      }
      SplitPiece(begin, i);
      if (!IsSpace(At(i))) Add(i, i + length);
      i += length;
      begin = i;
    }
    SplitPiece(begin, i);
    return std::move(words_);
  }

 private:
  char32_t At(size_t i) const { return i < characters_.size() ? characters_[i].code_point : 0; }

  size_t RunLength(size_t i) const {
    size_t end = i + 1;
    while (end < characters_.size() && At(end) == At(i)) ++end;
    return end - i;
  }

  // Rules 1 and 2: characters of the space or word that splits wherever it stands; 0 if there is none at `i`.
  size_t SeparatorAt(size_t i, size_t begin) const {
    const char32_t c = At(i);
    if (IsSpace(c) || IsDoubleQuote(c) || (PropertiesOf(c).flags & kChinese)) return 1;
    if (IsLongDash(c)) return RunLength(i);
    if ((c == U'-' || c == U'.') && RunLength(i) > 1) return RunLength(i);
    if (c == U',' || c == U';') return i > begin && IsDigit(At(i - 1)) && IsDigit(At(i + 1)) ? 0 : 1;
    return 0;
  }

  void Add(size_t begin, size_t end) {
    if (begin == end) return;
    const size_t first = characters_[begin].byte;
    const size_t last = end < characters_.size() ? characters_[end].byte : text_.size();
    words_.push_back(
        {std::string(text_.substr(first, last - first)), static_cast<int32_t>(begin), static_cast<int32_t>(end)});
  }

  bool EndsWithClitic(size_t begin, size_t end) const {
    return end - begin >= 2 && IsApostrophe(At(end - 2)) && (At(end - 1) == U's' || At(end - 1) == U'S');
  }

  void SplitPiece(size_t begin, size_t end) {
    if (end - begin == 2 && EndsWithClitic(begin, end)) return Add(begin, end);
    while (begin < end && IsEdge(At(begin)) && !(At(begin) == U'.' && IsDigit(At(begin + 1)))) {
      const size_t next = std::min(end, begin + RunLength(begin));
      Add(begin, next);
      begin = next;
    }
    std::vector<size_t> cuts = {end};  // from the right
    while (begin < cuts.back()) {
      const size_t stop = cuts.back();
      const char32_t last = At(stop - 1);
      if (stop - begin > 2 && EndsWithClitic(begin, stop)) {
        cuts.push_back(stop - 2);
      } else if (IsEdge(last) && !KeepsDot(begin, stop) && !KeepsBracket(begin, stop)) {
        size_t start = stop - 1;
        while (start > begin && At(start - 1) == last && OpeningOf(last) == 0) --start;
        cuts.push_back(start);
      } else {
        break;
      }
    }
    SplitCurrency(begin, cuts.back());
    for (size_t i = cuts.size() - 1; i > 0; --i) Add(cuts[i], cuts[i - 1]);
  }

  void SplitCurrency(size_t begin, size_t end) {
    for (size_t i = begin; i + 1 < end; ++i) {
      if (!IsCurrency(At(i)) || !IsDigit(At(i + 1))) continue;
      Add(begin, i + 1);
      begin = i + 1;
    }
    Add(begin, end);
  }

  bool KeepsBracket(size_t begin, size_t end) {
    if (OpeningOf(At(end - 1)) == 0) return false;
    LookThrough(begin, end);
    return closes_[end - 1 - begin];
  }

  // The first character behind `end` that is no space; 0 at the end of the text.
  char32_t Following(size_t end) const {
    while (IsSpace(At(end))) ++end;
    return At(end);
  }

  bool KeepsDot(size_t begin, size_t end) {
    if (At(end - 1) != U'.' || end - begin < 2) return false;
    const char32_t following = Following(end);
    if (end - begin == 2 && IsUpper(At(begin))) return following != 0;  // an initial
    const size_t first = characters_[begin].byte;
    const std::string_view stem = text_.substr(first, characters_[end - 1].byte - first);
    if (std::find(kAbbreviations.begin(), kAbbreviations.end(), stem) != kAbbreviations.end()) return true;
    if (std::find(kBeforeNumber.begin(), kBeforeNumber.end(), stem) != kBeforeNumber.end()) return IsDigit(following);
    return IsDotted(begin, end);
  }

  // "U.S.", "a.m.", "Ph.D.": groups of one or two letters, each with a dot behind it, two groups at least.
  bool IsDotted(size_t begin, size_t end) {
    LookThrough(begin, end);
    return end <= dotted_end_ && end > second_dot_;
  }

  // Learns of a piece, once, what KeepsBracket and IsDotted want to know: both are asked about one end of it after the
  // other, from the right, and a piece may be as long as the text.
  void LookThrough(size_t begin, size_t end) {
    if (begin == looked_at_) return;
    looked_at_ = begin;
    closes_.assign(end - begin, false);
    std::array<size_t, kOpening.size()> open = {};
    dotted_end_ = second_dot_ = end;
    bool dotted = true;
    size_t groups = 0, letters = 0;
    for (size_t i = begin; i < end; ++i) {
      if (const size_t opening = kOpening.find(At(i)); opening != kOpening.npos) ++open[opening];
      if (const size_t closing = kClosing.find(At(i)); closing != kClosing.npos && open[closing] > 0) {
        closes_[i - begin] = true;
        --open[closing];
      }
      const bool dot = At(i) == U'.';
      if (dotted && (dot ? letters == 0 || letters > 2 : !IsLetter(At(i)))) {
        dotted = false;
        dotted_end_ = i;
      }
      letters = dot ? 0 : letters + 1;
      if (dot && ++groups == 2) second_dot_ = i;
    }
  }

  std::string_view text_;
  std::vector<Character> characters_;
  std::vector<TextWord> words_;

  // Of the piece that LookThrough saw last.
  size_t looked_at_ = std::u32string_view::npos;  // where it begins
  std::vector<bool> closes_;                      // whether each character closes a bracket that is opened in it
  size_t dotted_end_ = 0;                         // up to where it is groups of letters and dots
  size_t second_dot_ = 0;                         // its place, or the piece's end
};

}  // namespace

absl::StatusOr<std::vector<TextWord>> SplitWords(std::string_view text) {
  if (text.size() > size_t{INT32_MAX}) return absl::InvalidArgumentError("a text of more than 2 GiB");
  if (auto status = ValidateUtf8(text); !status.ok()) return status;
  return Splitter(text).Split();
}

}  // namespace fintag
