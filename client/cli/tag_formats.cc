#include "client/cli/tag_formats.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/display_width.h"
#include "client/cli/highlighted_text.h"
#include "client/cli/html_page.h"
#include "client/cli/message_json.h"
#include "client/cli/session.h"
#include "client/cli/table.h"

namespace fintag::client {
namespace {

class JsonFormat final : public TagFormat {
 public:
  JsonFormat(std::ostream& out, std::string server) : out_(out), server_(std::move(server)) {}

  void Add(const TextToShow& text, const fintag::v1::TaggedText& tagged) override {
    Json element = Head(text);
    element["text"] = text.text;
    element["model_version"] = text.model_version;
    Json fields = ToJson(tagged);
    if (tagged.words().empty()) fields.erase("words");
    element.update(fields);
    Write(element);
  }

  bool AddFailure(const TextToShow& text, const absl::Status& status) override {
    Json element = Head(text);
    element.update(ErrorJson(status, server_));
    Write(element);
    return true;
  }

  void Finish() override { out_ << (any_ ? "\n]\n" : "[]\n") << std::flush; }

 private:
  static Json Head(const TextToShow& text) {
    Json element = Json::object();
    if (text.line > 0) element["line"] = text.line;
    return element;
  }

  void Write(const Json& element) {
    out_ << (any_ ? ",\n" : "[\n") << JsonText(element, -1) << std::flush;
    any_ = true;
  }

  std::ostream& out_;
  const std::string server_;
  bool any_ = false;
};

class ConllFormat final : public TagFormat {
 public:
  explicit ConllFormat(std::ostream& out) : out_(out) {}

  void Add(const TextToShow&, const fintag::v1::TaggedText& tagged) override {
    for (const fintag::v1::TaggedWord& word : tagged.words())
      out_ << Printable(word.text()) << '\t' << word.tag() << '\n';
    if (!tagged.words().empty()) out_ << '\n';
    out_ << std::flush;
  }
  bool AddFailure(const TextToShow&, const absl::Status&) override { return false; }
  void Finish() override {}

 private:
  std::ostream& out_;
};

class TableFormat final : public TagFormat {
 public:
  TableFormat(const Terminal& out, bool words) : out_(out), words_(words) {}

  void Add(const TextToShow& text, const fintag::v1::TaggedText& tagged) override {
    if (text.line > 0 && text.text.empty()) return;
    if (any_) out_.out() << "\n";
    any_ = true;
    if (text.line > 0) out_.out() << out_.Paint(Style::kDim, absl::StrCat(text.line, ": "));
    for (const TextPiece& piece : CutAtEntities(text.text, tagged)) {
      const std::string shown = Printable(piece.text);
      out_.out() << (piece.entity == nullptr ? shown : out_.Highlight(StyleOf(piece.entity->label()), shown));
    }
    out_.out() << "\n" << (words_ ? Words(tagged) : Entities(tagged)) << std::flush;
  }
  bool AddFailure(const TextToShow&, const absl::Status&) override { return false; }
  void Finish() override {}

 private:
  std::string Entities(const fintag::v1::TaggedText& tagged) {
    if (tagged.entities().empty()) return out_.Paint(Style::kDim, "no entities") + "\n";
    Table table({{"entity"}, {"label"}, {"offsets"}, {"score", Align::kRight}});
    for (const fintag::v1::Entity& entity : tagged.entities()) {
      table.AddRow({entity.text(), Cell(entity.label(), StyleOf(entity.label())),
                    absl::StrCat(entity.start(), "-", entity.end()), absl::StrFormat("%.3f", entity.score())});
    }
    return table.Text(out_);
  }

  std::string Words(const fintag::v1::TaggedText& tagged) {
    Table table({{"word"}, {"tag"}, {"offsets"}, {"score", Align::kRight}});
    for (const fintag::v1::TaggedWord& word : tagged.words()) {
      const size_t dash = word.tag().find('-');
      const Style style = dash == std::string::npos ? Style::kPlain : StyleOf(word.tag().substr(dash + 1));
      table.AddRow({word.text(), Cell(word.tag(), style), absl::StrCat(word.start(), "-", word.end()),
                    absl::StrFormat("%.3f", word.score())});
    }
    return table.Text(out_);
  }

  Style StyleOf(const std::string& label) {
    return Terminal::LabelStyle(labels_.try_emplace(label, labels_.size()).first->second);
  }

  const Terminal out_;
  const bool words_;
  bool any_ = false;
  std::map<std::string, size_t> labels_;
};

class HtmlFormat final : public TagFormat {
 public:
  HtmlFormat(std::ostream& out, const std::string& title) : out_(out), page_(out, title) {}

  void Add(const TextToShow& text, const fintag::v1::TaggedText& tagged) override {
    if (text.line > 0 && text.text.empty()) return;
    page_.AddText(text.text, tagged);
    out_ << std::flush;
  }
  bool AddFailure(const TextToShow&, const absl::Status&) override { return false; }
  void Finish() override { page_.Finish(); }

 private:
  std::ostream& out_;
  HtmlPage page_;
};

}  // namespace

std::unique_ptr<TagFormat> MakeJsonFormat(std::ostream& out, const std::string& server) {
  return std::make_unique<JsonFormat>(out, server);
}
std::unique_ptr<TagFormat> MakeConllFormat(std::ostream& out) { return std::make_unique<ConllFormat>(out); }
std::unique_ptr<TagFormat> MakeTableFormat(const Terminal& out, bool words) {
  return std::make_unique<TableFormat>(out, words);
}
std::unique_ptr<TagFormat> MakeHtmlFormat(std::ostream& out, const std::string& title) {
  return std::make_unique<HtmlFormat>(out, title);
}

}  // namespace fintag::client
