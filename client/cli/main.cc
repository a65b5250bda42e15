#include <cstdlib>
#include <iostream>

#include "client/cli/command_line.h"

int main(int argc, char** argv) {
  // gRPC's own messages are for its developers; every failure is reported in our words. Set it to see them.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  std::ios::sync_with_stdio(false);
  return fintag::client::RunCommandLine(argc, argv, std::cout, std::cerr);
}
