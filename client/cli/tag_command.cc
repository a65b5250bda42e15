// fintag tag --model NAME [TEXT ...] [--file FILE]
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/display_width.h"
#include "client/cli/figures.h"
#include "client/cli/tag_formats.h"

namespace fintag::client {
namespace {

struct TagArguments {
  std::string model;
  std::vector<std::string> texts;
  std::string file;
  std::string format;
  bool constrained = false;
  bool words = false;
};

fintag::v1::TagOptions OptionsOf(const TagArguments& arguments) {
  fintag::v1::TagOptions options;
  if (arguments.constrained) options.set_decoding(fintag::v1::DECODING_CONSTRAINED);
  options.set_include_words(arguments.words || arguments.format == "conll");
  return options;
}

std::unique_ptr<TagFormat> MakeFormat(const Session& session, const TagArguments& arguments) {
  const Terminal out = session.out();
  if (session.json) return MakeJsonFormat(out.out(), session.server);
  if (arguments.format == "conll") return MakeConllFormat(out.out());
  if (arguments.format == "html") return MakeHtmlFormat(out.out(), "Entities by " + arguments.model);
  return MakeTableFormat(out, arguments.words);
}

int TagTexts(const Session& session, Client& client, const TagArguments& arguments) {
  absl::StatusOr<fintag::v1::TagResponse> response = client.Tag(arguments.model, arguments.texts, OptionsOf(arguments));
  if (!response.ok()) return session.Fail(response.status());
  const std::unique_ptr<TagFormat> format = MakeFormat(session, arguments);
  for (int i = 0; i < response->results_size(); ++i) {
    format->Add({0, arguments.texts[static_cast<size_t>(i)], response->model_version()}, response->results(i));
  }
  format->Finish();
  return kDone;
}

// Neighbouring lines that failed for the same reason are one message.
class FailureLog {
 public:
  explicit FailureLog(const Session& session) : session_(session) {}
  ~FailureLog() { Flush(); }
  FailureLog(const FailureLog&) = delete;
  FailureLog& operator=(const FailureLog&) = delete;

  void Add(int64_t line, const absl::Status& status) {
    const std::string reason = ErrorText(status, session_.server);
    if (count_ == 0 || reason != reason_ || line != last_ + 1) {
      Flush();
      first_ = line;
      reason_ = reason;
    }
    last_ = line;
    ++count_;
  }
  void Flush() {
    if (count_ > 0) {
      session_.Note(first_ == last_ ? absl::StrCat("line ", first_, ": ", reason_)
                                    : absl::StrCat("lines ", first_, "-", last_, ": ", reason_));
    }
    count_ = 0;
  }

 private:
  const Session& session_;
  std::string reason_;
  int64_t first_ = 0;
  int64_t last_ = 0;
  int64_t count_ = 0;
};

int TagFile(const Session& session, Client& client, const TagArguments& arguments) {
  absl::StatusOr<std::unique_ptr<LineSource>> lines = OpenLines(arguments.file);
  if (!lines.ok()) return session.Fail(lines.status());
  TagLinesOptions options;
  options.tag = OptionsOf(arguments);

  const Terminal out = session.out();
  const Terminal err = session.err();
  LiveLine live(err);
  absl::Time drawn = absl::Now();
  const absl::Time start = drawn;
  std::unique_ptr<TagFormat> format;  // begun by the first line
  FailureLog failures(session);
  int64_t done = 0;
  int64_t failed = 0;
  const auto on_line = [&](TaggedLine line) {
    if (format == nullptr) format = MakeFormat(session, arguments);
    ++done;
    const TextToShow shown{line.number, std::move(line.text), line.model_version};
    if (line.result.ok()) {
      format->Add(shown, *line.result);
    } else {
      ++failed;
      if (!format->AddFailure(shown, line.result.status())) failures.Add(line.number, line.result.status());
    }
    const absl::Time now = absl::Now();
    if (!out.interactive() && now - drawn > absl::Milliseconds(200)) {
      drawn = now;
      live.Draw(absl::StrCat(WithCommas(done), " lines, ",
                             WithCommas(static_cast<int64_t>(done / absl::ToDoubleSeconds(now - start))), " a second"));
    }
    return static_cast<bool>(out.out());
  };
  const absl::Status status = client.TagLines(arguments.model, **lines, options, on_line);
  live.Clear();
  failures.Flush();
  if (!status.ok()) {
    if (format == nullptr || !format->AddFailure({done + 1, "", ""}, status)) session.Fail(status);
    if (format != nullptr) format->Finish();
    return kFailed;
  }
  if (format == nullptr) format = MakeFormat(session, arguments);
  format->Finish();
  if (failed > 0) session.Note(absl::StrCat(WithCommas(failed), " of ", WithCommas(done), " lines failed"));
  return failed > 0 ? kFailed : kDone;
}

int Tag(Session& session, TagArguments& arguments) {
  if (session.json && !arguments.format.empty() && arguments.format != "json") {
    return session.Misused("--json and --format " + arguments.format + " exclude each other");
  }
  if (arguments.format == "json") session.json = true;
  if (arguments.texts.empty() && arguments.file.empty()) {
    return session.Misused("give a TEXT, or --file FILE (- for the standard input)");
  }
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  return arguments.file.empty() ? TagTexts(session, *client, arguments) : TagFile(session, *client, arguments);
}

}  // namespace

void AddTagCommand(CLI::App& root, Session& session) {
  CLI::App* tag = root.add_subcommand("tag", "Find entities in text");
  tag->footer(R"(Examples:
  fintag tag --model tagger "Acme Corp. borrowed from Silicon Valley Bank."
  fintag tag --model tagger --file filings.txt --format html > filings.html
  tail -f news.txt | fintag tag --model tagger/versions/2 --file - --format conll
A file has one text a line and may be of any size. Offsets are Unicode code points, the end exclusive.)");
  auto arguments = std::make_shared<TagArguments>();
  tag->add_option("--model", arguments->model, "The tagger, or NAME/versions/N")->required()->type_name("NAME");
  CLI::Option* text =
      tag->add_option("TEXT", arguments->texts, "Texts; behind -- if one starts with a dash")->type_name("");
  tag->add_option("--file", arguments->file, "One text a line; - for the standard input")
      ->type_name("FILE")
      ->excludes(text);
  tag->add_option("--format", arguments->format, "Default table; json is the same as --json")
      ->check(CLI::IsMember({"table", "json", "conll", "html"}));
  tag->add_flag("--constrained", arguments->constrained, "The best legal sequence of tags, not each word's best");
  tag->add_flag("--words", arguments->words, "Every word's tag and score too");
  tag->callback([&session, arguments] { session.action = [&session, arguments] { return Tag(session, *arguments); }; });
}

}  // namespace fintag::client
