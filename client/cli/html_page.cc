#include "client/cli/html_page.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/figures.h"
#include "client/cli/highlighted_text.h"
#include "client/utf8.h"

namespace fintag::client {
namespace {

constexpr size_t kColours = 8;
// The legend is written last, when all labels are known, and shown first.
constexpr char kHead[] = R"(<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #ffffff; --line: #d9dce1; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --paper: #17191c; --line: #3a3f46; } }
body { display: flex; flex-direction: column; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       font: 1rem/1.9 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { order: -2; font-size: 1.3rem; margin: 0 0 .5rem; }
.legend { order: -1; padding-bottom: .8rem; border-bottom: 1px solid var(--line); }
p { margin: .8rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
mark { padding: .1rem .35rem; border-radius: .3rem; color: #1c1e21; }
mark small { margin-left: .4rem; font-weight: 600; font-size: .7em; }
.c0 { background: #a5d8ff; } .c1 { background: #ffe08a; } .c2 { background: #d0bfff; } .c3 { background: #b2f2bb; }
.c4 { background: #ffc9c9; } .c5 { background: #96f2d7; } .c6 { background: #ffd8a8; } .c7 { background: #fcc2d7; }
</style>
)";

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (size_t position = 0; position < text.size();) {
    const CodePoint point = DecodeUtf8(text.substr(position));
    const std::string_view piece = text.substr(position, point.bytes);
    position += point.bytes;
    const bool white = point.value == '\t' || point.value == '\n' || point.value == '\f' || point.value == '\r';
    const bool forbidden =
        (point.value < 0x20 && !white) || (point.value >= 0x7F && point.value < 0xA0) || !point.valid;
    if (forbidden) {
      escaped += "\xEF\xBF\xBD";
    } else if (point.value == '&') {
      escaped += "&amp;";
    } else if (point.value == '<') {
      escaped += "&lt;";
    } else if (point.value == '>') {
      escaped += "&gt;";
    } else if (point.value == '"') {
      escaped += "&quot;";
    } else if (point.value == '\'') {
      escaped += "&#39;";
    } else {
      escaped += piece;
    }
  }
  return escaped;
}

HtmlPage::HtmlPage(std::ostream& out, const std::string& title) : out_(out) {
  out_ << "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>" << EscapeHtml(title)
       << "</title>\n"
       << kHead << "</head>\n<body>\n<h1>" << EscapeHtml(title) << "</h1>\n";
}

HtmlPage::Label& HtmlPage::LabelOf(const std::string& label) {
  return labels_.try_emplace(label, Label{labels_.size() % kColours}).first->second;
}

void HtmlPage::AddText(const std::string& text, const fintag::v1::TaggedText& tagged) {
  ++texts_;
  out_ << "<p>";
  for (const TextPiece& piece : CutAtEntities(text, tagged)) {
    if (piece.entity == nullptr) {
      out_ << EscapeHtml(piece.text);
      continue;
    }
    Label& label = LabelOf(piece.entity->label());
    ++label.count;
    const std::string name = EscapeHtml(piece.entity->label());
    out_ << "<mark class=\"c" << label.colour << "\" title=\"" << name << " "
         << absl::StrFormat("%.3f", piece.entity->score()) << ", " << piece.entity->start() << "-"
         << piece.entity->end() << "\">" << EscapeHtml(piece.text) << "<small>" << name << "</small></mark>";
  }
  out_ << "</p>\n";
}

void HtmlPage::Finish() {
  out_ << "<div class=\"legend\">" << WithCommas(texts_) << (texts_ == 1 ? " text" : " texts");
  for (const auto& [name, label] : labels_) {
    out_ << " &nbsp; <mark class=\"c" << label.colour << "\">" << EscapeHtml(name) << "</mark> "
         << WithCommas(label.count);
  }
  out_ << "</div>\n</body>\n</html>\n";
}

}  // namespace fintag::client
