// fintag datasets upload | list | show | delete
#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/figures.h"
#include "client/cli/table.h"

namespace fintag::client {
namespace {

std::string ShortName(const std::string& name) { return name.substr(name.find('/') + 1); }

std::string Shown(const Session& session, const fintag::v1::Dataset& dataset) {
  Facts facts;
  facts.Add("dataset", dataset.name());
  facts.Add("created", TimeText(dataset.create_time()));
  facts.Add("labels", absl::StrJoin(dataset.labels(), ", "));
  facts.Add("size", SizeText(dataset.size_bytes()));
  if (dataset.has_word_lookup()) {
    facts.Add("word lookup", absl::StrCat("F1 ", ScoreText(dataset.word_lookup().micro().f1()),
                                          " (each word's most frequent training tag)"));
  }
  if (!dataset.has_validation()) facts.Add("validation", "none: a job splits one off");
  Table table({{"part"},
               {"file"},
               {"scheme"},
               {"sentences", Align::kRight},
               {"words", Align::kRight},
               {"documents", Align::kRight},
               {"entities", Align::kRight},
               {"longest", Align::kRight}});
  const auto add = [&](const std::string& name, const fintag::v1::DatasetPart& part) {
    table.AddRow({name, part.file_name(), part.scheme(), WithCommas(part.sentences()), WithCommas(part.words()),
                  WithCommas(part.documents()), WithCommas(part.entities()),
                  WithCommas(part.longest_sentence_words())});
  };
  add("train", dataset.train());
  if (dataset.has_validation()) add("validation", dataset.validation());

  Table entities({{"label"}, {"train", Align::kRight}, {"validation", Align::kRight}});
  const auto count = [](const fintag::v1::DatasetPart& part, const std::string& label) {
    const auto found = part.entities_by_label().find(label);
    return WithCommas(found == part.entities_by_label().end() ? 0 : found->second);
  };
  for (const std::string& label : dataset.labels()) {
    entities.AddRow(
        {label, count(dataset.train(), label), dataset.has_validation() ? count(dataset.validation(), label) : ""});
  }
  const Terminal out = session.out();
  return facts.Text(out) + "\n" + table.Text(out) + "\n" + entities.Text(out);
}

struct UploadArguments {
  std::string name;
  std::string train;
  std::string validation;
};

int Upload(const Session& session, const UploadArguments& arguments) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  DatasetFiles files{arguments.train, std::nullopt};
  if (!arguments.validation.empty()) files.validation = arguments.validation;
  const Terminal err = session.err();
  LiveLine line(err);
  absl::StatusOr<fintag::v1::Dataset> dataset =
      client->UploadDataset(arguments.name, files, TransferBar(session, line, err, "uploading"));
  line.Clear();
  if (!dataset.ok()) {
    // The server says "train:12", the user knows the file's name.
    session.Fail(dataset.status(), [&](const std::string& field) {
      if (field.rfind("train:", 0) == 0) return arguments.train + field.substr(5);
      if (field.rfind("validation:", 0) == 0) return arguments.validation + field.substr(10);
      return field;
    });
    if (FieldViolations(dataset.status()).size() >= kMostDatasetErrors && !session.json) {
      session.Note(absl::StrCat("There may be more: the first ", kMostDatasetErrors, " wrong lines are listed."));
    }
    return kFailed;
  }
  return session.json ? session.PrintJson(ToJson(*dataset)) : session.Print(Shown(session, *dataset));
}

int List(const Session& session, int32_t limit) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<std::vector<fintag::v1::Dataset>> datasets = client->ListDatasets(limit);
  if (!datasets.ok()) return session.Fail(datasets.status());
  if (session.json) {
    Json list = Json::array();
    for (const auto& dataset : *datasets) list.push_back(ToJson(dataset));
    return session.PrintJson(Json{{"datasets", std::move(list)}});
  }
  if (datasets->empty()) return session.Print("No datasets. Add one: fintag datasets upload NAME --train FILE\n");
  Table table({{"dataset"},
               {"sentences", Align::kRight},
               {"validation", Align::kRight},
               {"labels"},
               {"lookup F1", Align::kRight},
               {"size", Align::kRight},
               {"created"}});
  for (const auto& dataset : *datasets) {
    table.AddRow({ShortName(dataset.name()), WithCommas(dataset.train().sentences()),
                  dataset.has_validation() ? WithCommas(dataset.validation().sentences()) : "-",
                  absl::StrJoin(dataset.labels(), " "),
                  dataset.has_word_lookup() ? ScoreText(dataset.word_lookup().micro().f1()) : "-",
                  SizeText(dataset.size_bytes()), TimeText(dataset.create_time())});
  }
  return session.Print(table.Text(session.out()));
}

int Show(const Session& session, const std::string& name) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<fintag::v1::Dataset> dataset = client->GetDataset(name);
  if (!dataset.ok()) return session.Fail(dataset.status());
  return session.json ? session.PrintJson(ToJson(*dataset)) : session.Print(Shown(session, *dataset));
}

int Delete(const Session& session, const std::string& name) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  if (absl::Status status = client->DeleteDataset(name); !status.ok()) return session.Fail(status);
  return session.json ? session.PrintJson(Json{{"deleted", name}}) : session.Print("Deleted dataset " + name + ".\n");
}

}  // namespace

void AddDatasetsCommand(CLI::App& root, Session& session) {
  CLI::App* group = root.add_subcommand("datasets", "Tagged corpora to train on");
  group->require_subcommand(1);
  group->footer(R"(Examples:
  fintag datasets upload filings --train train.conll --validation dev.conll
  fintag datasets show filings --json
A corpus is CoNLL (tag in the last column; IO, IOB1, IOB2, IOE, IOBES or BILOU) or JSON lines.)");

  CLI::App* upload = group->add_subcommand("upload", "Store a dataset; wrong lines are reported by number");
  upload->footer(R"(Examples:
  fintag datasets upload filings --train train.conll
  fintag datasets upload filings --train train.jsonl --validation dev.jsonl)");
  auto arguments = std::make_shared<UploadArguments>();
  upload->add_option("NAME", arguments->name, "What to call it: a-z, 0-9 and '-'")->required()->type_name("");
  upload->add_option("--train", arguments->train, "Training corpus")->required()->type_name("FILE");
  upload->add_option("--validation", arguments->validation, "Validation corpus; none: a job splits one off")
      ->type_name("FILE");
  upload->callback(
      [&session, arguments] { session.action = [&session, arguments] { return Upload(session, *arguments); }; });

  CLI::App* list = group->add_subcommand("list", "Datasets, newest first");
  list->footer(R"(Examples:
  fintag datasets list
  fintag datasets list --limit 5 --json)");
  auto limit = std::make_shared<int32_t>(0);
  list->add_option("--limit", *limit, "So many at most")->check(CLI::PositiveNumber.description(""))->type_name("N");
  list->callback([&session, limit] { session.action = [&session, limit] { return List(session, *limit); }; });

  const auto with_name = [&](const char* command, const char* description, const char* examples, auto run) {
    CLI::App* app = group->add_subcommand(command, description);
    app->footer(examples);
    auto name = std::make_shared<std::string>();
    app->add_option("NAME", *name, "The dataset")->required()->type_name("");
    app->callback([&session, name, run] { session.action = [&session, name, run] { return run(session, *name); }; });
  };
  with_name("show", "What is in a dataset", R"(Examples:
  fintag datasets show filings
  fintag datasets show filings --json)",
            &Show);
  with_name("delete", "Delete a dataset that no unfinished job needs", R"(Examples:
  fintag datasets delete filings)",
            &Delete);
}

}  // namespace fintag::client
