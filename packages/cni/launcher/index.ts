export { BUILD_FOLDER, buildLauncher, LauncherBuildError, launcherPath } from './build.ts';
export { installLauncher, LAUNCHER_CONF, type LauncherConf, launcherFiles, parseLauncherConf } from './install.ts';
export { placeFile, syncFolder } from './place-file.ts';
