// list_models HOST:PORT: the names of a server's models.
#include <iostream>

#include "client/client.h"

int main(int, char** argv) {
  auto client = fintag::client::Client::Connect({.server = argv[1]});
  if (!client.ok()) return 1;
  const auto models = client->ListModels();
  if (!models.ok()) {
    std::cerr << models.status() << "\n";
    return 1;
  }
  for (const fintag::v1::Model& model : *models) std::cout << model.name() << "\n";
}
