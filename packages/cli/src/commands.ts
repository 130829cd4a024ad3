/** Every command by its id; oclif reads this (package.json, oclif.commands). A command loads what it works with when it runs. */
import type { Command } from '@oclif/core';
import Agent from './commands/agent.ts';
import ApiToken from './commands/api/token.ts';
import Api from './commands/api.ts';
import Apply from './commands/apply.ts';
import CniConvert from './commands/cni/convert.ts';
import CniInstall from './commands/cni/install.ts';
import CniUninstall from './commands/cni/uninstall.ts';
import CniVerify from './commands/cni/verify.ts';
import Complete from './commands/complete.ts';
import Completion from './commands/completion.ts';
import Create from './commands/create.ts';
import Delete from './commands/delete.ts';
import Describe from './commands/describe.ts';
import Edit from './commands/edit.ts';
import EndpointList from './commands/endpoint/list.ts';
import Flows from './commands/flows.ts';
import Get from './commands/get.ts';
import IpamCheck from './commands/ipam/check.ts';
import IpamConfigure from './commands/ipam/configure.ts';
import IpamRelease from './commands/ipam/release.ts';
import IpamReserve from './commands/ipam/reserve.ts';
import IpamShow from './commands/ipam/show.ts';
import IpamSplit from './commands/ipam/split.ts';
import Label from './commands/label.ts';
import MarathonCheck from './commands/marathon/check.ts';
import NodeDiag from './commands/node/diag.ts';
import NodeRoutes from './commands/node/routes.ts';
import NodeStatus from './commands/node/status.ts';
import PolicySimulate from './commands/policy/simulate.ts';
import PolicyTest from './commands/policy/test.ts';
import PolicyWho from './commands/policy/who.ts';
import Replace from './commands/replace.ts';
import Topology from './commands/topology.ts';
import Trace from './commands/trace.ts';
import Version from './commands/version.ts';

export const COMMANDS: Record<string, Command.Class> = {
  agent: Agent,
  api: Api,
  'api:token': ApiToken,
  apply: Apply,
  'cni:convert': CniConvert,
  'cni:install': CniInstall,
  'cni:uninstall': CniUninstall,
  'cni:verify': CniVerify,
  complete: Complete,
  completion: Completion,
  create: Create,
  delete: Delete,
  describe: Describe,
  edit: Edit,
  'endpoint:list': EndpointList,
  flows: Flows,
  get: Get,
  'ipam:check': IpamCheck,
  'ipam:configure': IpamConfigure,
  'ipam:release': IpamRelease,
  'ipam:reserve': IpamReserve,
  'ipam:show': IpamShow,
  'ipam:split': IpamSplit,
  label: Label,
  'marathon:check': MarathonCheck,
  'node:diag': NodeDiag,
  'node:routes': NodeRoutes,
  'node:status': NodeStatus,
  'policy:simulate': PolicySimulate,
  'policy:test': PolicyTest,
  'policy:who': PolicyWho,
  replace: Replace,
  topology: Topology,
  trace: Trace,
  version: Version,
};
