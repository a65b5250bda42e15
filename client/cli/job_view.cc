#include "client/cli/job_view.h"

#include "absl/strings/str_cat.h"
#include "client/cli/display_width.h"
#include "client/cli/figures.h"
#include "client/cli/progress_bar.h"
#include "client/cli/scores_table.h"

namespace fintag::client {

std::string StateText(fintag::v1::JobState state) {
  const std::string name = fintag::v1::JobState_Name(state);
  constexpr char kPrefix[] = "JOB_STATE_";
  return name.rfind(kPrefix, 0) == 0 ? name.substr(sizeof(kPrefix) - 1) : "UNKNOWN";
}

Style StateStyle(fintag::v1::JobState state) {
  switch (state) {
    case fintag::v1::JOB_STATE_SUCCEEDED:
      return Style::kGreen;
    case fintag::v1::JOB_STATE_FAILED:
      return Style::kRed;
    case fintag::v1::JOB_STATE_CANCELLED:
    case fintag::v1::JOB_STATE_CANCELLING:
      return Style::kYellow;
    case fintag::v1::JOB_STATE_RUNNING:
      return Style::kCyan;
    default:
      return Style::kPlain;
  }
}

Table EpochTable() {
  return Table({{"epoch", Align::kRight, 5},
                {"loss", Align::kRight, 8},
                {"precision", Align::kRight, 9},
                {"recall", Align::kRight, 7},
                {"F1", Align::kRight, 7},
                {"accuracy", Align::kRight, 8},
                {"tokens/s", Align::kRight, 9},
                {"", Align::kLeft, 4}});
}

std::vector<Cell> EpochRow(const fintag::v1::EpochFinished& epoch) {
  const fintag::v1::EntityScores& micro = epoch.scores().micro();
  return {std::to_string(epoch.epoch()),
          LossText(epoch.train_loss()),
          ScoreText(micro.precision()),
          ScoreText(micro.recall()),
          Cell(ScoreText(micro.f1()), epoch.best() ? Style::kBold : Style::kPlain),
          ScoreText(epoch.scores().accuracy()),
          WithCommas(static_cast<int64_t>(epoch.tokens_per_second())),
          Cell(epoch.best() ? "best" : "", Style::kGreen)};
}

namespace {

const fintag::v1::EpochFinished* BestEpoch(const fintag::v1::Job& job) {
  const fintag::v1::EpochFinished* best = nullptr;
  for (const auto& epoch : job.epochs()) {
    if (epoch.best()) best = &epoch;
  }
  return best;
}

}  // namespace

const fintag::v1::EpochFinished* KeptEpoch(const fintag::v1::Job& job) {
  if (job.spec().options().keep() != fintag::v1::KEEP_CHECKPOINT_LAST) return BestEpoch(job);
  return job.epochs().empty() ? nullptr : &*job.epochs().rbegin();
}

std::string OutcomeText(const fintag::v1::Job& job, const Terminal& out) {
  const std::string state = out.Paint(StateStyle(job.state()), StateText(job.state()));
  std::string text;
  if (job.state() == fintag::v1::JOB_STATE_FAILED) {
    return absl::StrCat(state, "  ", job.name(), ": ", Printable(job.failure_reason()), "\n");
  }
  const fintag::v1::EpochFinished* kept = KeptEpoch(job);
  if (kept != nullptr && !job.model_version().empty()) {
    if (!kept->scores().labels().empty()) {
      text += ScoresTable(kept->scores(), kept->has_unseen() ? &kept->unseen() : nullptr).Text(out) + "\n";
    }
    text += absl::StrCat(state, "  ", out.Paint(Style::kBold, job.model_version()), ": F1 ",
                         ScoreText(kept->scores().micro().f1()), " (micro), of epoch ", kept->epoch());
    if (const auto* best = BestEpoch(job); best != nullptr && best != kept) {
      text +=
          absl::StrCat(" (the best: F1 ", ScoreText(best->scores().micro().f1()), ", of epoch ", best->epoch(), ")");
    }
  } else {
    text += absl::StrCat(state, "  ", job.name(),
                         job.model_version().empty() ? ": no model was made" : ": " + job.model_version());
  }
  if (job.has_start_time() && job.has_end_time()) {
    const double seconds = static_cast<double>(job.end_time().seconds() - job.start_time().seconds()) +
                           (job.end_time().nanos() - job.start_time().nanos()) * 1e-9;
    text += absl::StrCat(", in ", ClockText(seconds));
  }
  return text + "\n";
}

JobView::JobView(const fintag::v1::Job& job, const Terminal& out)
    : name_(job.name()), spec_(job.spec()), out_(out), epochs_(EpochTable()), live_(out_) {
  out_.out() << out_.Paint(Style::kBold, name_) << "  " << spec_.base() << " on " << spec_.dataset() << ", makes "
             << spec_.model() << std::endl;
}

void JobView::Show(const fintag::v1::JobEvent& event) {
  switch (event.event_case()) {
    case fintag::v1::JobEvent::kStateChanged:
      return ShowState(event.state_changed());
    case fintag::v1::JobEvent::kTrainingStarted:
      return ShowStart(event.training_started());
    case fintag::v1::JobEvent::kProgress:
      return ShowProgress(event.progress());
    case fintag::v1::JobEvent::kEpochFinished:
      return ShowEpoch(event.epoch_finished());
    case fintag::v1::JobEvent::kTrainingFinished:
      return live_.Draw(out_.Paint(Style::kDim, "registering the model ..."));
    case fintag::v1::JobEvent::kTrainingFailed:
    case fintag::v1::JobEvent::EVENT_NOT_SET:
      return;
  }
}

void JobView::ShowState(const fintag::v1::StateChanged& change) {
  switch (change.state()) {
    case fintag::v1::JOB_STATE_QUEUED:
      return live_.Draw(out_.Paint(Style::kDim, "queued: waiting for its turn ..."));
    case fintag::v1::JOB_STATE_VALIDATING:
      // With a reason where an earlier trainer was lost.
      if (!change.reason().empty())
        live_.Clear(), out_.out() << "started again: " << Printable(change.reason()) << "\n";
      return live_.Draw(out_.Paint(Style::kDim, "reading base and dataset ..."));
    default:
      return;
  }
}

void JobView::ShowStart(const fintag::v1::TrainingStarted& start) {
  live_.Clear();
  out_.out() << start.device();
  if (start.device() == "cpu") out_.out() << ", " << start.threads() << (start.threads() == 1 ? " thread" : " threads");
  out_.out() << "; " << CountText(start.parameters()) << " parameters\n"
             << WithCommas(start.train_sentences()) << " sentences (" << WithCommas(start.train_tokens())
             << " tokens) to train, " << WithCommas(start.validation_sentences()) << " to validate";
  if (start.has_word_lookup()) {
    out_.out() << "; word lookup F1 " << ScoreText(start.word_lookup().micro().f1());
  }
  out_.out() << "\n";
  for (const std::string& note : start.notes())
    out_.out() << out_.Paint(Style::kDim, "note: " + Printable(note)) << "\n";
  out_.out() << std::flush;
}

void JobView::ShowProgress(const fintag::v1::Progress& progress) {
  if (!out_.interactive()) return;
  const int32_t epochs = spec_.options().epochs();
  const ProgressBar bar{absl::StrCat("epoch ", progress.epoch(), epochs > 0 ? absl::StrCat("/", epochs) : ""),
                        progress.epoch_fraction(),
                        {ClockText(progress.seconds_left()) + " left",
                         WithCommas(static_cast<int64_t>(progress.tokens_per_second())) + " tokens/s",
                         "loss " + LossText(progress.loss())}};
  live_.Draw(bar.Text(out_));
}

void JobView::ShowEpoch(const fintag::v1::EpochFinished& epoch) {
  live_.Clear();
  if (!title_shown_) out_.out() << "\n" << epochs_.TitleLine(out_);
  title_shown_ = true;
  out_.out() << epochs_.RowLine(out_, EpochRow(epoch)) << std::flush;
}

}  // namespace fintag::client
