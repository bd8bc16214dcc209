# Writes assay-ROLE.service for each role from role.service.in. Runs at installation: `source` and `bin` are set.
set(at "@")
function(unit role command what needs first after setting)
  set(file ${CMAKE_CURRENT_BINARY_DIR}/assay-${role}.service)
  configure_file(${source}/setup/systemd/role.service.in ${file} @ONLY)
  file(INSTALL ${file} DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
  file(REMOVE ${file})
endfunction()

set(node "--node \${NODE}")
set(key "sudo -u assay-ROLE assay init /var/lib/assay/ROLE --machine")
unit(node "node /var/lib/assay/node" "orders transactions into blocks, keeps them, and answers who asks" "genesis"
     "sudo -u assay-node assay node /var/lib/assay/node --new, and Ctrl-C when it is ready" ""
     "OPTIONS=--listen 0.0.0.0")
string(REPLACE ROLE solve first "${key}")
unit(solve "solve /var/lib/assay/solve ${node}" "trains for others, for pay" "key" "${first}" " assay-node.service"
     "NODE=http://HOST:26657 or OPTIONS=--stake 200 --memory 8192")
string(REPLACE ROLE audit first "${key}")
unit(audit "audit /var/lib/assay/audit ${node}" "checks the training of others, for pay" "key" "${first}"
     " assay-node.service" "NODE=http://HOST:26657 or OPTIONS=--stake 200 --memory 8192")
string(REPLACE ROLE store first "${key}")
unit(store "store /var/lib/assay/store ${node}" "keeps data and states that others need" "key" "${first}"
     " assay-node.service" "NODE=http://HOST:26657 or OPTIONS=--listen 0.0.0.0 --endpoint http://HOST:26680")
