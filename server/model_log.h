// What the server's log says of models: loads, what was dropped for them, and requests that got no answer.
#pragma once

#include "server/serving/loaded_models.h"
#include "server/telemetry/logger.h"

namespace fintag::server {

// Writes a line for each but the batches. `logger` outlives the observers.
ModelObservers LogModels(const Logger& logger);

}  // namespace fintag::server
