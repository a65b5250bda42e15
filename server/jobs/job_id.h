// Ids of new jobs.
#pragma once

#include <string>

namespace fintag::server {

// "260131-142530-7k3q": UTC date and time, so that a person finds it again, and four random characters.
std::string NewJobId();

}  // namespace fintag::server
