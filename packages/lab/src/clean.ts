/** `make clean-lab`: removes labs that are up or half up, whoever left them. Arguments: their names; all when there is none. */
import { LabFolder } from './lab-folder.ts';

const names = process.argv.slice(2);
const folders = LabFolder.all().filter(({ name }) => names.length === 0 || names.includes(name));
for (const folder of folders) {
  await folder.remove();
  console.log(`removed the lab '${folder.name}'`);
}
if (folders.length === 0) console.log('there is no such lab');
