// fintag models import | list | show | export | delete
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/figures.h"
#include "client/cli/interrupt.h"
#include "client/cli/scores_table.h"

namespace fintag::client {
namespace {

std::string ShortName(const std::string& name) { return name.substr(name.find('/') + 1); }

// "tagger/versions/2" is version 2 of "tagger"; empty if no version is named.
std::string VersionIn(const std::string& name) { return name.find("/versions/") == std::string::npos ? "" : name; }
std::string WithoutVersion(const std::string& name) { return name.substr(0, name.find("/versions/")); }

std::string KindText(fintag::v1::ModelKind kind) {
  return kind == fintag::v1::MODEL_KIND_BASE ? "base" : kind == fintag::v1::MODEL_KIND_TAGGER ? "tagger" : "-";
}

std::string VersionFacts(const Terminal& out, const fintag::v1::ModelVersion& version) {
  const fintag::v1::Architecture& architecture = version.architecture();
  Facts facts;
  facts.Add("version", version.name());
  facts.Add("kind", version.kind() == fintag::v1::MODEL_KIND_BASE ? "base encoder" : "tagger");
  facts.Add("created", TimeText(version.create_time()));
  facts.Add("architecture",
            absl::StrCat(architecture.model_type(), ", ", CountText(architecture.parameters()), " parameters, ",
                         architecture.layers(), " layers of ", architecture.hidden_size(), ", ", architecture.heads(),
                         " heads, vocabulary of ", WithCommas(architecture.vocabulary_size()), ", ",
                         WithCommas(architecture.max_positions()), " positions"));
  facts.Add("labels", absl::StrJoin(version.labels(), ", "));
  facts.Add("job", version.job());
  facts.Add("base", version.base());
  facts.Add("dataset", version.dataset());
  facts.Add("size", SizeText(version.size_bytes()));
  facts.Add("weights", version.weights_sha256().empty() ? "" : "sha256 " + version.weights_sha256());
  facts.Add("loaded", version.loaded() ? "yes" : "no");
  for (const auto& figures : version.precision().figures()) {
    facts.Add("precision", absl::StrCat(figures.precision(), ": F1 ", ScoreText(figures.f1()), ", ",
                                        WithCommas(std::llround(figures.tokens_per_second())), " tokens/s on ",
                                        version.precision().machine(),
                                        figures.precision() == version.precision().chosen() ? " (chosen)" : ""));
  }
  for (const std::string& note : version.notes()) facts.Add("note", note);
  std::string text = facts.Text(out);
  if (version.has_scores()) {
    text += "\n" + ScoresTable(version.scores(), version.has_unseen() ? &version.unseen() : nullptr).Text(out);
    text += absl::StrCat("accuracy ", ScoreText(version.scores().accuracy()));
    if (version.has_word_lookup()) {
      text += absl::StrCat("; the word lookup alone: F1 ", ScoreText(version.word_lookup().micro().f1()));
    }
    text += "\n";
  }
  return text;
}

int Import(const Session& session, const std::string& name, const std::string& folder) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const Terminal err = session.err();
  LiveLine line(err);
  absl::StatusOr<ImportedModel> imported =
      client->ImportModel(name, folder, TransferBar(session, line, err, "importing"));
  line.Clear();
  if (!imported.ok()) return session.Fail(imported.status());
  if (session.json) {
    Json json = ToJson(imported->version);
    json["sent_files"] = imported->sent;
    json["left_out_files"] = imported->left_out;
    return session.PrintJson(json);
  }
  std::string text = VersionFacts(session.out(), imported->version);
  if (!imported->left_out.empty()) text += absl::StrCat("Left out: ", absl::StrJoin(imported->left_out, ", "), "\n");
  return session.Print(text);
}

int Export(const Session& session, const std::string& name, const std::string& folder) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const Terminal err = session.err();
  LiveLine line(err);
  // So that Ctrl-C takes the unfinished folder away.
  Interrupt interrupt([&client] { client->CancelAll(); });
  absl::StatusOr<ExportedModel> exported =
      client->ExportModel(name, folder, TransferBar(session, line, err, "exporting"));
  line.Clear();
  if (interrupt.happened()) return kInterrupted;
  if (!exported.ok()) return session.Fail(exported.status());
  if (session.json) {
    return session.PrintJson(Json{{"name", exported->name},
                                  {"folder", folder},
                                  {"files", exported->files},
                                  {"size_bytes", exported->size_bytes}});
  }
  return session.Print(absl::StrCat("Exported ", exported->name, " to ", folder, ": ",
                                    absl::StrJoin(exported->files, ", "), " (", SizeText(exported->size_bytes),
                                    ").\n"));
}

int List(const Session& session, int32_t limit) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<std::vector<fintag::v1::Model>> models = client->ListModels(limit);
  if (!models.ok()) return session.Fail(models.status());
  if (session.json) {
    Json list = Json::array();
    for (const auto& model : *models) list.push_back(ToJson(model));
    return session.PrintJson(Json{{"models", std::move(list)}});
  }
  if (models->empty()) return session.Print("No models. Add a base encoder: fintag models import NAME --from FOLDER\n");
  Table table({{"model"},
               {"kind"},
               {"versions", Align::kRight},
               {"F1", Align::kRight},
               {"parameters", Align::kRight},
               {"labels"},
               {"size", Align::kRight},
               {"created"}});
  for (const auto& model : *models) {
    const fintag::v1::ModelVersion newest = model.versions().empty() ? fintag::v1::ModelVersion() : model.versions(0);
    table.AddRow({ShortName(model.name()), KindText(newest.kind()), WithCommas(model.versions_size()),
                  newest.has_scores() ? ScoreText(newest.scores().micro().f1()) : "-",
                  CountText(newest.architecture().parameters()), absl::StrJoin(newest.labels(), " "),
                  SizeText(newest.size_bytes()), TimeText(model.create_time())});
  }
  return session.Print(table.Text(session.out()));
}

int Show(const Session& session, const std::string& name) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<fintag::v1::Model> model = client->GetModel(WithoutVersion(name));
  if (!model.ok()) return session.Fail(model.status());
  const std::string wanted = VersionIn(name);
  const fintag::v1::ModelVersion* shown = wanted.empty() && model->versions_size() > 0 ? &model->versions(0) : nullptr;
  for (const auto& version : model->versions()) {
    if (version.name() == wanted || version.name() == "models/" + wanted) shown = &version;
  }
  if (shown == nullptr && !wanted.empty()) return session.Fail(absl::NotFoundError("there is no version " + wanted));
  if (session.json) return session.PrintJson(wanted.empty() ? ToJson(*model) : ToJson(*shown));

  const Terminal out = session.out();
  Table table({{"version"}, {"kind"}, {"F1", Align::kRight}, {"base"}, {"dataset"}, {"job"}, {"loaded"}, {"created"}});
  for (const auto& version : model->versions()) {
    table.AddRow({ShortName(version.name()), KindText(version.kind()),
                  version.has_scores() ? ScoreText(version.scores().micro().f1()) : "-", ShortName(version.base()),
                  ShortName(version.dataset()), ShortName(version.job()), version.loaded() ? "yes" : "no",
                  TimeText(version.create_time())});
  }
  std::string text = shown != nullptr ? VersionFacts(out, *shown) : "";
  if (wanted.empty() && model->versions_size() > 1) text += "\n" + table.Text(out);
  return session.Print(text);
}

int Delete(const Session& session, const std::string& name) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  if (absl::Status status = client->DeleteModel(name); !status.ok()) return session.Fail(status);
  return session.json ? session.PrintJson(Json{{"deleted", name}}) : session.Print("Deleted model " + name + ".\n");
}

}  // namespace

void AddModelsCommand(CLI::App& root, Session& session) {
  CLI::App* group = root.add_subcommand("models", "Base encoders and trained taggers, in versions");
  group->require_subcommand(1);
  group->footer(R"(Examples:
  fintag models import base --from ./bert-base-cased
  fintag models show tagger/versions/2
  fintag models export tagger ./tagger       (a folder that transformers loads))");

  const auto add = [&](const char* command, const char* description, const char* name_description, const char* examples,
                       auto run) {
    CLI::App* app = group->add_subcommand(command, description);
    app->footer(examples);
    auto name = std::make_shared<std::string>();
    app->add_option("NAME", *name, name_description)->required()->type_name("");
    app->callback([&session, name, run] { session.action = [name, run] { return run(*name); }; });
    return app;
  };
  auto from = std::make_shared<std::string>();
  add("import", "Store a Hugging Face folder as a new version of a model", "The model: a-z, 0-9 and '-'",
      R"(Examples:
  fintag models import base --from ./bert-base-cased)",
      [&session, from](const std::string& name) { return Import(session, name, *from); })
      ->add_option("--from", *from, "The checkpoint's folder")
      ->required()
      ->type_name("FOLDER");
  auto folder = std::make_shared<std::string>();
  add("export", "Write a version, or the newest, as a Hugging Face folder", "The model, or NAME/versions/N",
      R"(Examples:
  fintag models export tagger ./tagger
  fintag models export tagger/versions/2 ./tagger-2)",
      [&session, folder](const std::string& name) { return Export(session, name, *folder); })
      ->add_option("FOLDER", *folder, "New or empty")
      ->required()
      ->type_name("");
  add("show", "Architecture, versions, scores and origin", "The model, or NAME/versions/N",
      R"(Examples:
  fintag models show tagger
  fintag models show tagger/versions/2 --json)",
      [&session](const std::string& name) { return Show(session, name); });
  add("delete", "Delete a model, or one version, that no unfinished job needs", "The model, or NAME/versions/N",
      R"(Examples:
  fintag models delete tagger/versions/1
  fintag models delete tagger                (with all its versions))",
      [&session](const std::string& name) { return Delete(session, name); });

  CLI::App* list = group->add_subcommand("list", "Models, newest first");
  list->footer(R"(Examples:
  fintag models list
  fintag models list --limit 5 --json)");
  auto limit = std::make_shared<int32_t>(0);
  list->add_option("--limit", *limit, "So many at most")->check(CLI::PositiveNumber.description(""))->type_name("N");
  list->callback([&session, limit] { session.action = [&session, limit] { return List(session, *limit); }; });
}

}  // namespace fintag::client
