// The finished epochs of a run, as they are kept in memory, in records and in answers.
#pragma once

#include <vector>

#include "core/training/trainer.h"

namespace fintag {

// Appends `epoch`. Only the best epoch and the latest keep their confusion: with many labels and epochs all of them
// would be most of every record and answer. The event log has each.
void AddEpoch(EpochResult epoch, std::vector<EpochResult>& epochs);

}  // namespace fintag
