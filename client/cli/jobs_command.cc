// fintag jobs submit | list | show | watch | cancel | delete
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/figures.h"
#include "client/cli/interrupt.h"
#include "client/cli/job_options.h"
#include "client/cli/job_view.h"

namespace fintag::client {
namespace {

std::string ShortName(const std::string& name) { return name.substr(name.find('/') + 1); }

std::string Shown(const Terminal& out, const fintag::v1::Job& job) {
  Facts facts;
  facts.Add("job", job.name());
  facts.Add("state", StateText(job.state()));
  facts.Add("reason", job.failure_reason());
  facts.Add("dataset", job.spec().dataset());
  facts.Add("base", job.spec().base());
  facts.Add("model", job.model_version().empty() ? job.spec().model() : job.model_version());
  facts.Add("created", TimeText(job.create_time()));
  facts.Add("started", TimeText(job.start_time()));
  facts.Add("ended", TimeText(job.end_time()));
  facts.Add("trace id", job.trace_id());
  if (job.has_progress() && !IsFinal(job.state())) {
    facts.Add("progress", absl::StrCat("epoch ", job.progress().epoch(), ", step ", WithCommas(job.progress().step()),
                                       " of ", WithCommas(job.progress().total_steps()), ", ",
                                       ClockText(job.progress().seconds_left()), " left"));
  }
  AddOptionFacts(job.spec().options(), facts);
  std::string text = facts.Text(out);
  if (!job.epochs().empty()) {
    Table epochs = EpochTable();
    for (const auto& epoch : job.epochs()) epochs.AddRow(EpochRow(epoch));
    text += "\n" + epochs.Text(out);
  }
  if (IsFinal(job.state())) text += "\n" + OutcomeText(job, out);
  return text;
}

int PrintJob(const Session& session, const absl::StatusOr<fintag::v1::Job>& job) {
  if (!job.ok()) return session.Fail(job.status());
  return session.json ? session.PrintJson(ToJson(*job)) : session.Print(Shown(session.out(), *job));
}

// How to watch on, as it can be typed.
std::string WatchCommand(const Session& session, const fintag::v1::Job& job, int64_t after) {
  return absl::StrCat("fintag jobs watch ", ShortName(job.name()), after > 0 ? absl::StrCat(" --after ", after) : "",
                      session.server_options);
}

int Watch(const Session& session, Client& client, const fintag::v1::Job& job, int64_t after) {
  const Terminal out = session.out();
  std::optional<JobView> view;
  if (!session.json) view.emplace(job, out);
  int64_t last = after;
  Interrupt interrupt([&client] { client.CancelAll(); });
  absl::StatusOr<fintag::v1::Job> end = client.WatchJob(job.name(), after, [&](const fintag::v1::JobEvent& event) {
    last = event.sequence();
    if (view.has_value()) {
      view->Show(event);
    } else {
      Json line = {{"job", job.name()}};
      line.update(ToJson(event));
      session.Print(JsonText(line, -1) + "\n");
    }
    return true;
  });
  if (view.has_value()) view->Clear();
  if (interrupt.happened() && !end.ok()) {
    session.Note(absl::StrCat(job.name(), " goes on. Watch on: ", WatchCommand(session, job, last)));
    return kInterrupted;
  }
  if (!end.ok()) {
    session.Fail(end.status());
    if (absl::IsUnavailable(end.status())) session.Note("Watch on: " + WatchCommand(session, job, last));
    return kFailed;
  }
  if (!session.json) session.Print("\n" + OutcomeText(*end, out));
  return end->state() == fintag::v1::JOB_STATE_SUCCEEDED ? kDone : kFailed;
}

struct SubmitArguments {
  fintag::v1::JobSpec spec;
  CreateJobOptions options;
  bool watch = false;
};

int Submit(const Session& session, const SubmitArguments& arguments) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<fintag::v1::Job> job = client->CreateJob(arguments.spec, arguments.options);
  if (!job.ok()) return session.Fail(job.status(), &JobOptionOf);
  if (arguments.options.validate_only) {
    if (session.json) return session.PrintJson(ToJson(*job));
    Facts facts;
    facts.Add("dataset", job->spec().dataset());
    facts.Add("base", job->spec().base());
    facts.Add("model", job->spec().model());
    AddOptionFacts(job->spec().options(), facts);
    return session.Print("The job is valid; nothing was stored.\n" + facts.Text(session.out()));
  }
  if (arguments.watch) return Watch(session, *client, *job, 0);
  if (session.json) return session.PrintJson(ToJson(*job));
  return session.Print(absl::StrCat("Submitted ", job->name(), " (", StateText(job->state()),
                                    "). Watch it: ", WatchCommand(session, *job, 0), "\n"));
}

int List(const Session& session, int32_t limit) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<std::vector<fintag::v1::Job>> jobs = client->ListJobs(limit);
  if (!jobs.ok()) return session.Fail(jobs.status());
  if (session.json) {
    Json list = Json::array();
    for (const auto& job : *jobs) list.push_back(ToJson(job));
    return session.PrintJson(Json{{"jobs", std::move(list)}});
  }
  if (jobs->empty()) {
    return session.Print("No jobs. Submit one: fintag jobs submit --dataset NAME --base NAME --model NAME\n");
  }
  Table table(
      {{"job"}, {"state"}, {"epoch", Align::kRight}, {"F1", Align::kRight}, {"model"}, {"dataset"}, {"created"}});
  for (const auto& job : *jobs) {
    const fintag::v1::EpochFinished* kept = KeptEpoch(job);
    table.AddRow({ShortName(job.name()), Cell(StateText(job.state()), StateStyle(job.state())),
                  absl::StrCat(job.epochs_size(), "/", job.spec().options().epochs()),
                  kept != nullptr ? ScoreText(kept->scores().micro().f1()) : "-",
                  ShortName(job.model_version().empty() ? job.spec().model() : job.model_version()),
                  ShortName(job.spec().dataset()), TimeText(job.create_time())});
  }
  return session.Print(table.Text(session.out()));
}

}  // namespace

void AddJobsCommand(CLI::App& root, Session& session) {
  CLI::App* group = root.add_subcommand("jobs", "Fine-tuning runs");
  group->require_subcommand(1);
  group->footer(R"(Examples:
  fintag jobs submit --dataset filings --base base --model tagger --epochs 3 --watch
  fintag jobs watch 261123-221338-nn3e --after 120
  fintag jobs list --json)");

  CLI::App* submit = group->add_subcommand("submit", "Fine-tune a base on a dataset");
  submit->footer(R"(Examples:
  fintag jobs submit --dataset filings --base base --model tagger --watch
  fintag jobs submit --dataset filings --base base --model tagger --epochs 3 --learning-rate 2e-5 --validate-only)");
  auto arguments = std::make_shared<SubmitArguments>();
  AddJobOptions(*submit, arguments->spec);
  submit->add_flag("--watch", arguments->watch,
                   "Show it live to its end; Ctrl-C leaves it running. With --json: one JSON line an event");
  submit->add_option("--request-id", arguments->options.request_id, "The same id again returns the same job")
      ->type_name("ID");
  submit->add_flag("--validate-only", arguments->options.validate_only, "Check everything, store nothing")
      ->excludes("--watch");
  submit->callback(
      [&session, arguments] { session.action = [&session, arguments] { return Submit(session, *arguments); }; });

  CLI::App* list = group->add_subcommand("list", "Jobs, newest first");
  list->footer(R"(Examples:
  fintag jobs list
  fintag jobs list --limit 5 --json)");
  auto limit = std::make_shared<int32_t>(0);
  list->add_option("--limit", *limit, "So many at most")->check(CLI::PositiveNumber.description(""))->type_name("N");
  list->callback([&session, limit] { session.action = [&session, limit] { return List(session, *limit); }; });

  const auto add = [&](const char* command, const char* description, const char* examples, auto run) {
    CLI::App* app = group->add_subcommand(command, description);
    app->footer(examples);
    auto id = std::make_shared<std::string>();
    app->add_option("ID", *id, "The job")->required()->type_name("");
    app->callback([&session, id, run] {
      session.action = [&session, id, run] {
        absl::StatusOr<Client> client = session.Connect();
        return client.ok() ? run(*client, *id) : session.Fail(client.status());
      };
    });
    return app;
  };
  add("show", "State, options, epochs and outcome",
      R"(Examples:
  fintag jobs show 261123-221338-nn3e
  fintag jobs show 261123-221338-nn3e --json)",
      [&session](Client& client, const std::string& id) { return PrintJob(session, client.GetJob(id)); });
  auto after = std::make_shared<int64_t>(0);
  add("watch", "Show it live to its end; exit status 1 unless it succeeds. With --json: one JSON line an event",
      R"(Examples:
  fintag jobs watch 261123-221338-nn3e
  fintag jobs watch 261123-221338-nn3e --after 120 --json)",
      [&session, after](Client& client, const std::string& id) {
        absl::StatusOr<fintag::v1::Job> job = client.GetJob(id);
        return job.ok() ? Watch(session, client, *job, *after) : session.Fail(job.status());
      })
      ->add_option("--after", *after, "Leave out the events up to this sequence number")
      ->check(CLI::NonNegativeNumber.description(""))
      ->type_name("N");
  add("cancel", "End a job that waits or runs; what its last epoch wrote is kept",
      R"(Examples:
  fintag jobs cancel 261123-221338-nn3e)",
      [&session](Client& client, const std::string& id) {
        absl::StatusOr<fintag::v1::Job> job = client.CancelJob(id);
        if (!job.ok() || session.json) return PrintJob(session, job);
        return session.Print(absl::StrCat(job->name(), " is ", StateText(job->state()), ".\n"));
      });
  add("delete", "Delete a job that has ended; its model stays",
      R"(Examples:
  fintag jobs delete 261123-221338-nn3e)",
      [&session](Client& client, const std::string& id) {
        if (absl::Status status = client.DeleteJob(id); !status.ok()) return session.Fail(status);
        return session.json ? session.PrintJson(Json{{"deleted", id}}) : session.Print("Deleted job " + id + ".\n");
      });
}

}  // namespace fintag::client
