// What a person sees of a job while it is watched.
#pragma once

#include <fintag/v1/training.pb.h>

#include <string>

#include "client/cli/table.h"
#include "client/cli/terminal.h"

namespace fintag::client {

std::string StateText(fintag::v1::JobState state);  // "RUNNING"
Style StateStyle(fintag::v1::JobState state);

// The columns of a job's epochs, and the row of one.
Table EpochTable();
std::vector<Cell> EpochRow(const fintag::v1::EpochFinished& epoch);

// The epoch whose weights were kept, as far as the job tells; nullptr if none is finished.
const fintag::v1::EpochFinished* KeptEpoch(const fintag::v1::Job& job);

// Model version, best scores and the table by label of a job that has ended; why it failed.
std::string OutcomeText(const fintag::v1::Job& job, const Terminal& out);

// Writes events as they come: a head, a bar inside the epoch where the terminal can redraw it, one row an epoch.
class JobView {
 public:
  // `job` as it was when watching began.
  JobView(const fintag::v1::Job& job, const Terminal& out);

  void Show(const fintag::v1::JobEvent& event);
  // Takes the bar away.
  void Clear() { live_.Clear(); }

 private:
  void ShowState(const fintag::v1::StateChanged& change);
  void ShowStart(const fintag::v1::TrainingStarted& start);
  void ShowProgress(const fintag::v1::Progress& progress);
  void ShowEpoch(const fintag::v1::EpochFinished& epoch);

  const std::string name_;
  const fintag::v1::JobSpec spec_;
  const Terminal out_;
  const Table epochs_;
  bool title_shown_ = false;
  LiveLine live_;
};

}  // namespace fintag::client
