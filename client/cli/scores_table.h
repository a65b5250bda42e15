// Entity scores by label.
#pragma once

#include <fintag/v1/scores.pb.h>

#include "client/cli/table.h"

namespace fintag::client {

// One row a label, then the averages. `unseen` may be nullptr.
Table ScoresTable(const fintag::v1::Scores& scores, const fintag::v1::EntityScores* unseen);

}  // namespace fintag::client
